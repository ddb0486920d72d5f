import type { Row as AnyRow, PendingQuery, ReservedSql, Sql } from 'postgres'
import { FatalError, messageOf } from '../base/errors.ts'
import type { LogRow, LogTable, LogWrite } from './log-table.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS raft_log (
    node_uuid text NOT NULL,
    log_index bigint NOT NULL,
    term bigint NOT NULL,
    command_type text NOT NULL,
    command_data bytea NOT NULL,
    timestamp timestamptz NOT NULL,
    PRIMARY KEY (node_uuid, log_index)
  );
  CREATE TABLE IF NOT EXISTS raft_state (
    node_uuid text PRIMARY KEY,
    first_index bigint NOT NULL,
    state bytea
  )`
/** Two nodes that start at once both find no table; one of them makes it. */
const SCHEMA_LOCK = 0x446d51

/**
 * The log in a PostgreSQL table that all nodes may share; each has its own rows. One connection does everything, in order,
 * and holds an advisory lock: a second process with the same data directory is refused. When it breaks, so does the log.
 */
export class PostgresTable implements LogTable {
  readonly #pool: Sql
  readonly #sql: ReservedSql
  readonly #nodeUuid: string
  readonly #lost: { readonly value: boolean }

  static async open(url: string, nodeUuid: string): Promise<PostgresTable> {
    const { default: postgres } = await import('postgres')
    const lost = { value: false }
    const pool = postgres(url, {
      max: 1,
      // Another connection would not have the lock.
      onclose: () => {
        lost.value = true
      },
      idle_timeout: 0,
      max_lifetime: null,
      connect_timeout: 10,
      onnotice: () => {},
      connection: { application_name: 'dmq raft log', synchronous_commit: 'on' },
    })
    try {
      const sql = await pool.reserve()
      await makeTables(sql)
      await takeLock(sql, nodeUuid)
      return new PostgresTable(pool, sql, nodeUuid, lost)
    } catch (error) {
      await pool.end({ timeout: 1 })
      if (error instanceof FatalError) throw error
      const at = new URL(url)
      throw new FatalError(
        `postgres://${at.host}${at.pathname}: the log cannot be opened there (${messageOf(error)})`,
      )
    }
  }

  private constructor(pool: Sql, sql: ReservedSql, nodeUuid: string, lost: { readonly value: boolean }) {
    this.#lost = lost
    this.#pool = pool
    this.#sql = sql
    this.#nodeUuid = nodeUuid
  }

  async load() {
    const id = this.#nodeUuid
    const log = await this.#sql<Row[]>`
      SELECT log_index, term, command_type, command_data FROM raft_log WHERE node_uuid = ${id} ORDER BY log_index`
    const [kept] = await this.#sql<{ first_index: string; state: Uint8Array | null }[]>`
      SELECT first_index, state FROM raft_state WHERE node_uuid = ${id}`
    const state = kept?.state == null ? null : Buffer.from(kept.state)
    return { firstIndex: Number(kept?.first_index ?? 1), rows: log.map(rowOf), state }
  }

  async write({ beginAt, deleteFrom, rows, state, time }: LogWrite): Promise<void> {
    const [id, sql] = [this.#nodeUuid, this.#sql]
    const queries: Query[] = []
    if (beginAt !== null)
      queries.push(sql`DELETE FROM raft_log WHERE node_uuid = ${id}`, this.#keepFirst(beginAt))
    if (deleteFrom !== null)
      queries.push(sql`DELETE FROM raft_log WHERE node_uuid = ${id} AND log_index >= ${deleteFrom}`)
    if (rows.length > 0) queries.push(this.#insert(rows, time))
    if (state !== null) {
      queries.push(sql`
        INSERT INTO raft_state VALUES (${id}, 1, ${state})
        ON CONFLICT (node_uuid) DO UPDATE SET state = excluded.state`)
    }
    await this.#transaction(queries)
  }

  #insert(rows: readonly LogRow[], time: number): Query {
    const sql = this.#sql
    return sql`
      INSERT INTO raft_log
      SELECT ${this.#nodeUuid}, log_index, term, command_type, decode(command_data, 'hex'), ${new Date(time)}::timestamptz
      FROM unnest(
        ${rows.map(({ index }) => index)}::bigint[], ${rows.map(({ term }) => term)}::bigint[],
        ${rows.map(({ type }) => type)}::text[], ${rows.map(({ data }) => data.toString('hex'))}::text[]
      ) AS entries (log_index, term, command_type, command_data)`
  }

  async dropBefore(index: number): Promise<void> {
    const sql = this.#sql
    const gone = sql`DELETE FROM raft_log WHERE node_uuid = ${this.#nodeUuid} AND log_index < ${index}`
    await this.#transaction([gone, this.#keepFirst(index)])
  }

  async close(): Promise<void> {
    this.#sql.release()
    await this.#pool.end({ timeout: 1 })
  }

  #keepFirst(index: number): Query {
    return this.#sql`
      INSERT INTO raft_state VALUES (${this.#nodeUuid}, ${index}, NULL)
      ON CONFLICT (node_uuid) DO UPDATE SET first_index = excluded.first_index`
  }

  /** Everything is sent at once, in order; where one query fails, the server skips the rest and rolls back. */
  async #transaction(queries: readonly Query[]): Promise<void> {
    if (this.#lost.value)
      throw new Error('the connection to PostgreSQL was lost, and with it the lock on the log')
    await Promise.all([this.#sql`BEGIN`, ...queries, this.#sql`COMMIT`])
  }
}

type Query = PendingQuery<AnyRow[]>

async function makeTables(sql: ReservedSql): Promise<void> {
  await sql`SELECT pg_advisory_lock(${SCHEMA_LOCK})`
  try {
    await sql.unsafe(SCHEMA)
  } finally {
    await sql`SELECT pg_advisory_unlock(${SCHEMA_LOCK})`
  }
}

async function takeLock(sql: ReservedSql, nodeUuid: string): Promise<void> {
  const [row] = await sql<
    { taken: boolean }[]
  >`SELECT pg_try_advisory_lock(hashtextextended(${nodeUuid}, 0)) AS taken`
  if (row?.taken !== true)
    throw new FatalError(
      `the log of data directory ${nodeUuid} is in use by another process; stop that process`,
    )
}

type Row = { log_index: string; term: string; command_type: string; command_data: Uint8Array }

function rowOf({ log_index, term, command_type, command_data }: Row): LogRow {
  return { index: Number(log_index), term: Number(term), type: command_type, data: Buffer.from(command_data) }
}
