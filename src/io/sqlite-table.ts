import { mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { FatalError, messageOf } from '../base/errors.ts'
import type { LogRow, LogTable, LogWrite } from './log-table.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS raft_log (
    node_uuid TEXT NOT NULL,
    log_index INTEGER NOT NULL,
    term INTEGER NOT NULL,
    command_type TEXT NOT NULL,
    command_data BLOB NOT NULL,
    timestamp INTEGER NOT NULL,
    PRIMARY KEY (node_uuid, log_index)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS raft_state (
    node_uuid TEXT PRIMARY KEY,
    first_index INTEGER NOT NULL,
    state BLOB
  ) WITHOUT ROWID;`

/** The log in an SQLite file. The file is locked as long as it is open: a second process is refused. */
export class SqliteTable implements LogTable {
  readonly #database: DatabaseSync
  readonly #nodeUuid: string

  constructor(path: string, nodeUuid: string) {
    this.#nodeUuid = nodeUuid
    mkdirSync(dirname(resolve(path)), { recursive: true })
    try {
      this.#database = new DatabaseSync(path, { timeout: 0 })
      this.#database.exec(
        'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL',
      )
      this.#database.exec(SCHEMA)
      // Takes the lock, which the mode keeps.
      this.#database.exec('BEGIN EXCLUSIVE; COMMIT')
    } catch (error) {
      throw new FatalError(
        `${path}: cannot be opened as the log of this node (${messageOf(error)}). Each metadata node needs an SQLite file of its own, ` +
          'and one process at a time may use it.',
      )
    }
  }

  async load() {
    const log = this.#database.prepare(
      'SELECT log_index, term, command_type, command_data FROM raft_log WHERE node_uuid = ? ORDER BY log_index',
    )
    const rows = (log.all(this.#nodeUuid) as Row[]).map(rowOf)
    const kept = this.#database
      .prepare('SELECT first_index, state FROM raft_state WHERE node_uuid = ?')
      .get(this.#nodeUuid) as { first_index: number; state: Uint8Array | null } | undefined
    const state = kept?.state == null ? null : Buffer.from(kept.state)
    return { firstIndex: kept?.first_index ?? 1, rows, state }
  }

  async write({ beginAt, deleteFrom, rows, state, time }: LogWrite): Promise<void> {
    const id = this.#nodeUuid
    this.#transaction(() => {
      if (beginAt !== null) {
        this.#run('DELETE FROM raft_log WHERE node_uuid = ?', id)
        this.#keepFirst(beginAt)
      }
      if (deleteFrom !== null)
        this.#run('DELETE FROM raft_log WHERE node_uuid = ? AND log_index >= ?', id, deleteFrom)
      const insert = this.#database.prepare('INSERT INTO raft_log VALUES (?, ?, ?, ?, ?, ?)')
      for (const { index, term, type, data } of rows) insert.run(id, index, term, type, data, time)
      if (state === null) return
      const keep =
        'INSERT INTO raft_state VALUES (?, 1, ?) ON CONFLICT (node_uuid) DO UPDATE SET state = excluded.state'
      this.#database.prepare(keep).run(id, state)
    })
  }

  async dropBefore(index: number): Promise<void> {
    this.#transaction(() => {
      this.#run('DELETE FROM raft_log WHERE node_uuid = ? AND log_index < ?', this.#nodeUuid, index)
      this.#keepFirst(index)
    })
  }

  async close(): Promise<void> {
    this.#database.close()
  }

  #keepFirst(index: number): void {
    const keep =
      'INSERT INTO raft_state VALUES (?, ?, NULL) ON CONFLICT (node_uuid) DO UPDATE SET first_index = excluded.first_index'
    this.#run(keep, this.#nodeUuid, index)
  }

  #run(sql: string, ...values: (string | number)[]): void {
    this.#database.prepare(sql).run(...values)
  }

  #transaction(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }
}

type Row = { log_index: number; term: number; command_type: string; command_data: Uint8Array }

function rowOf({ log_index, term, command_type, command_data }: Row): LogRow {
  return { index: log_index, term, type: command_type, data: Buffer.from(command_data) }
}
