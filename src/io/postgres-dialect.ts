import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'
import type { Options, ReservedSql, Sql } from 'postgres'
import { assert } from '../base/assert.ts'

export type PostgresAddress = {
  readonly url: string
  /** Where the URL has none. */
  readonly username: string | null
  readonly password: string | null
  readonly applicationName: string
}

/** A statement that has no answer by then has none any more: the host is silent, and the connection is given up. */
const ANSWER_TIMEOUT_MS = 120_000
/**
 * What the server does about us. A process that stands still in a transaction must not hold up its successor; and what a
 * crash of the server takes back of the newest commits is told by the mirrored version, which goes back with it.
 */
const SESSION = `
  SET statement_timeout = '110s';
  SET lock_timeout = '10s';
  SET idle_in_transaction_session_timeout = '10s';
  SET synchronous_commit = off`

/** Kysely over the package `postgres`: one connection, which is not replaced when it is lost. */
export function postgresDialect(address: PostgresAddress): Dialect {
  return {
    createDriver: () => new PostgresSession(address),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createAdapter: () => new OneSessionAdapter(),
    createIntrospector: db => new PostgresIntrospector(db),
  }
}

class OneSessionAdapter extends PostgresAdapter {
  override get supportsMultipleConnections(): boolean {
    return false
  }
}

class PostgresSession implements Driver, DatabaseConnection {
  readonly #address: PostgresAddress
  #pool: Sql | null = null
  #sql: ReservedSql | null = null
  #lost = false

  constructor(address: PostgresAddress) {
    this.#address = address
  }

  async init(): Promise<void> {
    const { default: postgres } = await import('postgres')
    this.#pool = postgres(this.#address.url, this.#options())
    try {
      this.#sql = await this.#pool.reserve()
      await this.#sql.unsafe(SESSION)
    } catch (error) {
      await this.destroy()
      throw error
    }
  }

  #options(): Options<Record<string, never>> {
    const { username, password, applicationName } = this.#address
    return {
      ...(username === null ? {} : { username }),
      ...(password === null ? {} : { password }),
      max: 1,
      idle_timeout: 0,
      max_lifetime: null,
      connect_timeout: 10,
      onnotice: () => {},
      // A new connection would know nothing of the transaction.
      onclose: () => {
        this.#lost = true
      },
      connection: { application_name: applicationName },
    }
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return this
  }

  async releaseConnection(): Promise<void> {}

  async beginTransaction(): Promise<void> {
    await this.executeQuery(CompiledQuery.raw('BEGIN'))
  }

  async commitTransaction(): Promise<void> {
    await this.executeQuery(CompiledQuery.raw('COMMIT'))
  }

  /** A lost connection has rolled back already. */
  async rollbackTransaction(): Promise<void> {
    await this.executeQuery(CompiledQuery.raw('ROLLBACK')).catch(() => {})
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    assert(this.#sql !== null, 'a driver is used after its start')
    if (this.#lost) throw new Error('the connection to PostgreSQL was lost')
    const result = await this.#inTime(this.#sql.unsafe(sql, parameters as never[], { prepare: true }))
    return { rows: [...result] as R[], numAffectedRows: BigInt(result.count ?? 0) }
  }

  async #inTime<T>(answer: Promise<T>): Promise<T> {
    let timeout: NodeJS.Timeout | undefined
    const silence = new Promise<never>((_, reject) => {
      timeout = setTimeout(() => {
        this.#lost = true
        void this.#pool?.end({ timeout: 0 })
        reject(new Error(`PostgreSQL did not answer for ${ANSWER_TIMEOUT_MS / 1_000} s`))
      }, ANSWER_TIMEOUT_MS)
    })
    try {
      return await Promise.race([answer, silence])
    } finally {
      clearTimeout(timeout)
    }
  }

  // biome-ignore lint/correctness/useYield: the contract has it; nobody here reads so much
  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('results are not streamed from PostgreSQL')
  }

  async destroy(): Promise<void> {
    this.#lost = true
    await this.#pool?.end({ timeout: 0 })
  }
}
