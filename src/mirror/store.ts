import { Kysely, sql, type Transaction } from 'kysely'
import { postgresDialect } from '../io/postgres-dialect.ts'
import { sqliteDialect } from '../io/sqlite-dialect.ts'
import { Image } from '../metadata/image.ts'
import type { MirrorAddress } from './address.ts'
import type { Batch, Position } from './batch.ts'
import { type Flavour, POSTGRES, SQLITE } from './flavour.ts'
import { migrate } from './migrations.ts'
import type { Step, Table, Tables } from './tables.ts'

/** Who writes. */
export type MirrorIdentity = {
  readonly clusterId: string
  readonly recoveryEpoch: number
  readonly term: number
}

/** What is there may not be overwritten by this controller; nothing was written. */
export class MirrorRefusal extends Error {
  override name = 'MirrorRefusal'
  /** A later controller of the same cluster has written: this one is not the controller any more. */
  readonly deposed: boolean

  constructor(message: string, deposed = false) {
    super(message)
    this.deposed = deposed
  }
}

type State = Position & MirrorIdentity
type Within = Transaction<Tables>

const THE_ROW = 1

/**
 * The tables of the mirror over one connection. Each method is one transaction, and checks in it who wrote last: what
 * another cluster, a later recovery or a later term wrote is not overwritten.
 */
export class MirrorStore {
  readonly #database: Kysely<Tables>
  readonly #flavour: Flavour

  /** Does not connect yet. */
  constructor(address: MirrorAddress) {
    const sqlite = address.kind === 'sqlite'
    const dialect = sqlite
      ? sqliteDialect(address.path)
      : postgresDialect({ ...address, applicationName: 'dmq mirror' })
    this.#database = new Kysely({ dialect })
    this.#flavour = sqlite ? SQLITE : POSTGRES
  }

  /** Makes the tables if they are missing. */
  async prepare(): Promise<void> {
    await migrate(this.#database, this.#flavour)
  }

  /** From here on writers of earlier terms are refused. Returns what is mirrored. */
  claim(identity: MirrorIdentity): Promise<Position> {
    return this.#database.transaction().execute(async within => {
      await begin(within, identity)
      const state = await this.#locked(within, identity)
      if (state.recoveryEpoch === identity.recoveryEpoch)
        await within
          .updateTable('mirror_state')
          .set({ term: identity.term })
          .where('id', '=', THE_ROW)
          .execute()
      return state
    })
  }

  /**
   * Writes a batch that begins at `from`. Where the tables are elsewhere by now (a lost answer, a database that lost its
   * newest commits), nothing is written. Returns what is mirrored. `told` hears of every step.
   */
  write(identity: MirrorIdentity, from: Position, batch: Batch, { time, told }: Writing): Promise<Position> {
    return this.#database.transaction().execute(async within => {
      const state = await this.#locked(within, identity)
      if (state.version !== from.version || state.recoveryEpoch !== from.recoveryEpoch) return state
      for (const table of batch.clears) await within.deleteFrom(table).execute()
      for (const step of batch.steps) {
        await this.#carryOut(within, step)
        await told(step)
      }
      await advance(within, identity, batch, time)
      return batch.to
    })
  }

  /** Deletes the oldest rows of the history, of commands from before then. Returns how many they were. */
  prune(identity: MirrorIdentity, { before, rowsMax }: { before: number; rowsMax: number }): Promise<number> {
    return this.#database.transaction().execute(async within => {
      await this.#locked(within, identity)
      const { numAffectedRows = 0n } = await sql`
        delete from history where (recovery_epoch, version) in (
          select recovery_epoch, version from history where time < ${before} order by time limit ${rowsMax}
        )`.execute(within)
      return Number(numAffectedRows)
    })
  }

  async close(): Promise<void> {
    await this.#database.destroy()
  }

  async #locked(within: Within, identity: MirrorIdentity): Promise<State> {
    const row = await within
      .selectFrom('mirror_state')
      .select(['cluster_id', 'recovery_epoch', 'version', 'term', 'time'])
      .where('id', '=', THE_ROW)
      .$if(this.#flavour.locksRows, query => query.forUpdate())
      .executeTakeFirst()
    if (row === undefined) throw new Error('the row of mirror_state was deleted while it was in use')
    const state = {
      clusterId: row.cluster_id,
      recoveryEpoch: row.recovery_epoch,
      version: Number(row.version),
      term: Number(row.term),
      time: Number(row.time),
    }
    refuseOthers(state, identity)
    return state
  }

  async #carryOut(within: Within, step: Step): Promise<void> {
    if ('rows' in step) {
      if (step.rows.length > 0) await this.#insert(step.table, step.rows).execute(within)
    } else if ('dropBrokers' in step) {
      const ids = this.#flavour.values('integer', step.dropBrokers)
      await sql`delete from brokers where broker_id in (${ids})`.execute(within)
    } else {
      const names = this.#flavour.values('text', step.dropTopics)
      await sql`delete from partitions where topic in (${names})`.execute(within)
      await sql`delete from topics where topic in (${names})`.execute(within)
    }
  }

  #insert(table: Table, rows: readonly Readonly<Record<string, unknown>>[]) {
    const columns = Object.keys(table.columns)
    const names = sql.join(columns.map(name => sql.ref(name)))
    const values = columns
      .filter(name => !table.key.includes(name))
      .map(name => sql`${sql.ref(name)} = ${sql.ref(`excluded.${name}`)}`)
    const key = sql.join(table.key.map(name => sql.ref(name)))
    const otherwise = table.append ? sql`nothing` : sql`update set ${sql.join(values)}`
    const given = this.#flavour.rows(table, rows)
    return sql`insert into ${sql.table(table.name)} (${names}) ${given} on conflict (${key}) do ${otherwise}`
  }
}

export type Writing = {
  /** Epoch milliseconds, for people. */
  readonly time: number
  readonly told: (step: Step) => void | Promise<void>
}

async function begin(within: Within, { clusterId, recoveryEpoch, term }: MirrorIdentity): Promise<void> {
  const { version, time, stateHash: state_hash } = new Image()
  const empty = { version, time, state_hash, written_at: 0 }
  await within
    .insertInto('mirror_state')
    .values({ id: THE_ROW, cluster_id: clusterId, recovery_epoch: recoveryEpoch, term, ...empty })
    .onConflict(conflict => conflict.column('id').doNothing())
    .execute()
}

async function advance(
  within: Within,
  { term }: MirrorIdentity,
  { to }: Batch,
  writtenAt: number,
): Promise<void> {
  const { recoveryEpoch: recovery_epoch, version, time, stateHash: state_hash } = to
  await within
    .updateTable('mirror_state')
    .set({ recovery_epoch, version, term, time, state_hash, written_at: writtenAt })
    .where('id', '=', THE_ROW)
    .execute()
}

function refuseOthers(state: State, identity: MirrorIdentity): void {
  const { clusterId, recoveryEpoch, term } = identity
  if (state.clusterId !== clusterId) {
    throw new MirrorRefusal(
      `it mirrors another cluster, ${state.clusterId}; this one is ${clusterId}. Give each cluster a database (or a schema) of its ` +
        'own, or empty the table mirror_state to have this one overwrite it.',
    )
  }
  if (state.recoveryEpoch > recoveryEpoch) {
    throw new MirrorRefusal(
      `it was written after recovery ${state.recoveryEpoch} of the cluster; this node knows of recovery ${recoveryEpoch}`,
    )
  }
  if (state.recoveryEpoch === recoveryEpoch && state.term > term) {
    throw new MirrorRefusal(
      `the controller of term ${state.term} has written to it; this node was the controller of term ${term}`,
      true,
    )
  }
}
