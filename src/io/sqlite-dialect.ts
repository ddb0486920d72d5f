import { Worker } from 'node:worker_threads'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { assert } from '../base/assert.ts'
import { type Deferred, deferred } from '../base/deferred.ts'
import type { SqliteAnswer, SqliteRequest } from './sqlite-worker.ts'

/** Kysely over `node:sqlite`, in a thread of its own: the event loop never waits for the file. */
export function sqliteDialect(path: string): Dialect {
  return {
    createDriver: () => new SqliteThread(path),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new LockingAdapter(),
    createIntrospector: db => new SqliteIntrospector(db),
  }
}

/** Transactions take the write lock when they begin, so that migrations of two processes do not meet. */
class LockingAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

class SqliteThread implements Driver, DatabaseConnection {
  readonly #path: string
  readonly #asked = new Map<number, Deferred<QueryResult<never>>>()
  #worker: Worker | null = null
  readonly #ended = deferred<void>()
  #lastId = 0
  /** Why the thread is gone; null while it works. */
  #gone: Error | null = null

  constructor(path: string) {
    this.#path = path
  }

  async init(): Promise<void> {
    // The published package is compiled.
    const name = import.meta.url.endsWith('.ts') ? './sqlite-worker.ts' : './sqlite-worker.js'
    this.#worker = new Worker(new URL(name, import.meta.url), { workerData: { path: this.#path } })
    this.#worker.on('message', (answer: SqliteAnswer) => this.#answered(answer))
    this.#worker.on('error', error => this.#end(error as Error))
    this.#worker.on('exit', () => {
      this.#end(new Error(`${this.#path} was closed`))
      this.#ended.resolve()
    })
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return this
  }

  async releaseConnection(): Promise<void> {}

  async beginTransaction(): Promise<void> {
    await this.executeQuery(CompiledQuery.raw('BEGIN IMMEDIATE'))
  }

  async commitTransaction(): Promise<void> {
    await this.executeQuery(CompiledQuery.raw('COMMIT'))
  }

  /** Some failures have rolled back already. */
  async rollbackTransaction(): Promise<void> {
    await this.executeQuery(CompiledQuery.raw('ROLLBACK')).catch(() => {})
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#gone !== null) throw this.#gone
    assert(this.#worker !== null, 'a driver is used after its start')
    const id = ++this.#lastId
    const asked = deferred<QueryResult<never>>()
    this.#asked.set(id, asked)
    this.#worker.postMessage({ id, sql, parameters } satisfies SqliteRequest)
    return asked.promise
  }

  // biome-ignore lint/correctness/useYield: the contract has it; nobody here reads so much
  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('results are not streamed from SQLite')
  }

  async destroy(): Promise<void> {
    if (this.#worker === null || this.#gone !== null) return
    this.#gone = new Error(`${this.#path} was closed`)
    this.#worker.postMessage('close' satisfies SqliteRequest)
    await this.#ended.promise
  }

  #answered(answer: SqliteAnswer): void {
    const asked = this.#asked.get(answer.id)!
    this.#asked.delete(answer.id)
    if ('error' in answer) asked.reject(new Error(answer.error))
    else
      asked.resolve({
        rows: answer.rows as readonly never[] as never[],
        numAffectedRows: BigInt(answer.changes),
      })
  }

  #end(error: Error): void {
    this.#gone ??= error
    for (const asked of this.#asked.values()) asked.reject(this.#gone)
    this.#asked.clear()
  }
}
