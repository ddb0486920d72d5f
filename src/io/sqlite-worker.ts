import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { messageOf } from '../base/errors.ts'

/**
 * The thread in which an SQLite file is used that the event loop must never wait for: not for its disk, and not for another
 * process that is writing to it. Requests are carried out in the order in which they come.
 */
export type SqliteRequest =
  | 'close'
  | { readonly id: number; readonly sql: string; readonly parameters: readonly unknown[] }
export type SqliteAnswer = { readonly id: number } & (
  | { readonly rows: readonly unknown[]; readonly changes: number }
  | { readonly error: string }
)

/** How long a statement waits for another process to finish its transaction. */
const BUSY_TIMEOUT_MS = 5_000

const { path } = workerData as { path: string }
mkdirSync(dirname(path), { recursive: true })
const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
// A commit that a power failure takes back takes the mirrored version back with it.
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')

parentPort!.on('message', (request: SqliteRequest) => {
  if (request === 'close') return close()
  parentPort!.postMessage({ id: request.id, ...run(request.sql, request.parameters as SQLInputValue[]) })
})

function run(sql: string, parameters: SQLInputValue[]) {
  try {
    const statement = database.prepare(sql)
    if (statement.columns().length > 0) return { rows: statement.all(...parameters), changes: 0 }
    return { rows: [], changes: Number(statement.run(...parameters).changes) }
  } catch (error) {
    return { error: messageOf(error) }
  }
}

/** A transaction that is open is rolled back. The thread ends. */
function close(): void {
  database.close()
  parentPort!.close()
}
