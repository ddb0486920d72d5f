import { resolve } from 'node:path'
import { FatalError } from '../base/errors.ts'
import { rowCodec } from '../consensus/entry-codec.ts'
import { nodeClock } from '../io/node-clock.ts'
import type { Log } from '../log/log.ts'
import { SqlLog } from '../log/sql-log.ts'

/** Where the log is kept, from `log.store`; null: in segments. Paths begin at the data directory. Drivers are loaded only to be used. */
export function logStore(store: string, folder: string, nodeUuid: string): (() => Promise<Log>) | null {
  if (store === 'segments') return null
  const [scheme, ...rest] = store.split(':')
  const open = { codec: rowCodec, time: nodeClock.epoch }
  switch (scheme) {
    case 'sqlite':
      return async () => {
        const { SqliteTable } = await import('../io/sqlite-table.ts')
        return SqlLog.open({ ...open, table: new SqliteTable(resolve(folder, rest.join(':')), nodeUuid) })
      }
    case 'postgres':
    case 'postgresql':
      return async () => {
        const { PostgresTable } = await import('../io/postgres-table.ts')
        return SqlLog.open({ ...open, table: await PostgresTable.open(store, nodeUuid) })
      }
    default:
      throw new FatalError(
        // Only the scheme: what follows may hold a password.
        `log.store is "segments", "sqlite:PATH" or "postgres://…"; something that begins with ${JSON.stringify(scheme)} was given`,
      )
  }
}
