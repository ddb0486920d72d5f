import { sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import type { Flavour, Untyped } from './flavour.ts'
import type { ColumnType } from './tables.ts'

/** Brings the tables of the mirror to what this release writes. A migration that was released is never changed. */
export async function migrate(database: Untyped, flavour: Flavour): Promise<void> {
  const schema = await flavour.schema(database)
  const migrator = new Migrator({
    db: database,
    // Left out, the tables of any schema of the database would be taken for ours.
    ...(schema === null ? {} : { migrationTableSchema: schema }),
    provider: { getMigrations: async () => migrations(flavour) },
    migrationTableName: 'mirror_migrations',
    migrationLockTableName: 'mirror_migrations_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}

function migrations(flavour: Flavour): Record<string, Migration> {
  return {
    '0001-tables': { up: database => createTables(database, flavour) },
  }
}

/** A column that ends in `?` may be NULL. */
type Columns = Readonly<Record<string, ColumnType>>

const FIRST_TABLES: Readonly<Record<string, { columns: Columns; key: readonly string[] }>> = {
  mirror_state: {
    columns: {
      id: 'integer',
      cluster_id: 'text',
      recovery_epoch: 'integer',
      version: 'bigint',
      term: 'bigint',
      time: 'bigint',
      state_hash: 'text',
      written_at: 'bigint',
    },
    key: ['id'],
  },
  brokers: {
    columns: {
      broker_id: 'integer',
      host: 'text',
      port: 'integer',
      'rack?': 'text',
      status: 'text',
      status_reason: 'text',
      status_since: 'bigint',
      'drain_mode?': 'text',
      'drain_since?': 'bigint',
      broker_epoch: 'bigint',
      'incarnation_id?': 'text',
      'paired_metadata_service_id?': 'integer',
      resources: 'json',
      listeners: 'json',
      registered_at: 'bigint',
      modified_at: 'bigint',
    },
    key: ['broker_id'],
  },
  topics: {
    columns: {
      topic: 'text',
      topic_id: 'text',
      partition_count: 'integer',
      replication_factor: 'integer',
      config: 'json',
      created_at: 'bigint',
      modified_at: 'bigint',
    },
    key: ['topic'],
  },
  partitions: {
    columns: {
      topic: 'text',
      partition_id: 'integer',
      'leader?': 'integer',
      leader_epoch: 'integer',
      partition_epoch: 'integer',
      replicas: 'integers',
      isr: 'integers',
      elr: 'integers',
      'last_known_leader?': 'integer',
      adding_replicas: 'integers',
      removing_replicas: 'integers',
      'reassignment?': 'json',
      created_at: 'bigint',
      modified_at: 'bigint',
    },
    key: ['topic', 'partition_id'],
  },
  history: {
    columns: {
      recovery_epoch: 'integer',
      version: 'bigint',
      time: 'bigint',
      type: 'text',
      topics: 'json',
      topic_count: 'integer',
      brokers: 'integers',
      data: 'json',
    },
    key: ['recovery_epoch', 'version'],
  },
}

async function createTables(database: Untyped, { types }: Flavour): Promise<void> {
  for (const [table, { columns, key }] of Object.entries(FIRST_TABLES)) {
    let create = database.schema.createTable(table).addPrimaryKeyConstraint(`${table}_key`, key as never)
    for (const [column, type] of Object.entries(columns)) {
      const name = column.replace(/\?$/, '')
      create = create.addColumn(name, sql.raw(types[type]), each => (name === column ? each.notNull() : each))
    }
    await create.execute()
  }
  await database.schema.createIndex('history_time').on('history').column('time').execute()
}
