import type { Row } from './rows.ts'

/** What a column holds. Lists and records are JSON text in SQLite; arrays of integers and jsonb in PostgreSQL. */
export type ColumnType = 'integer' | 'bigint' | 'text' | 'integers' | 'json'

export type TableName = 'brokers' | 'topics' | 'partitions' | 'history'

export type Table = {
  readonly name: TableName
  readonly key: readonly string[]
  readonly columns: Readonly<Record<string, ColumnType>>
  /** A row that is there stays as it is. */
  readonly append?: true
}

/** The tables as they are now; how they came to be so is in `migrations.ts`. Times are epoch milliseconds. */
export const BROKERS: Table = {
  name: 'brokers',
  key: ['broker_id'],
  columns: {
    broker_id: 'integer',
    host: 'text',
    port: 'integer',
    rack: 'text',
    status: 'text',
    status_reason: 'text',
    status_since: 'bigint',
    drain_mode: 'text',
    drain_since: 'bigint',
    broker_epoch: 'bigint',
    incarnation_id: 'text',
    paired_metadata_service_id: 'integer',
    resources: 'json',
    listeners: 'json',
    registered_at: 'bigint',
    modified_at: 'bigint',
  },
}

export const TOPICS: Table = {
  name: 'topics',
  key: ['topic'],
  columns: {
    topic: 'text',
    topic_id: 'text',
    partition_count: 'integer',
    replication_factor: 'integer',
    config: 'json',
    created_at: 'bigint',
    modified_at: 'bigint',
  },
}

export const PARTITIONS: Table = {
  name: 'partitions',
  key: ['topic', 'partition_id'],
  columns: {
    topic: 'text',
    partition_id: 'integer',
    leader: 'integer',
    leader_epoch: 'integer',
    partition_epoch: 'integer',
    replicas: 'integers',
    isr: 'integers',
    elr: 'integers',
    last_known_leader: 'integer',
    adding_replicas: 'integers',
    removing_replicas: 'integers',
    reassignment: 'json',
    created_at: 'bigint',
    modified_at: 'bigint',
  },
}

export const HISTORY: Table = {
  name: 'history',
  key: ['recovery_epoch', 'version'],
  append: true,
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
}

/** What the builder knows of the one table that is read. */
export type Tables = {
  readonly mirror_state: {
    readonly id: number
    readonly cluster_id: string
    readonly recovery_epoch: number
    readonly version: number | string
    readonly term: number | string
    readonly time: number | string
    readonly state_hash: string
    readonly written_at: number | string
  }
} & Readonly<Record<TableName, object>>

/** One thing to do to the tables: write rows (none: give way to others), or remove what is gone. */
export type Step =
  | { readonly table: Table; readonly rows: readonly Row[] }
  /** Topics with their partitions. */
  | { readonly dropTopics: readonly string[] }
  | { readonly dropBrokers: readonly number[] }
