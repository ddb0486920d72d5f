import { join } from 'node:path'
import { FatalError } from '../base/errors.ts'
import { decodeEntry, decodeHardState } from '../consensus/entry-codec.ts'
import type { Disk } from '../io/disk.ts'
import { LockFile } from '../log/lock-file.ts'
import { SegmentedLog } from '../log/segmented-log.ts'
import type { Identity } from './identity.ts'

const READ_BYTES = 1024 * 1024

/** Every entry of a metadata node's log, then its hard state. The node must not run: the log has one reader. */
export async function* dumpLog(disk: Disk, folder: string): AsyncGenerator<object> {
  const path = join(folder, 'identity.json')
  if (!disk.exists(path))
    throw new FatalError(`${folder}: is not the data directory of a metadata node (no identity.json)`)
  const { nodeId, directoryUuid } = JSON.parse(disk.readFile(path).toString()) as Identity
  const lock = LockFile.acquire(disk, folder)
  try {
    const log = await SegmentedLog.open({
      disk,
      folder: join(folder, 'raft'),
      owner: `metadata-${nodeId} ${directoryUuid}`,
    })
    for (let index = log.firstIndex; index <= log.lastIndex; ) {
      for (const bytes of log.read(index, log.lastIndex, READ_BYTES)) yield entryLine(index++, bytes)
    }
    if (log.state !== null) yield { hardState: decodeHardState(log.state) }
    await log.close()
  } finally {
    lock.release()
  }
}

function entryLine(index: number, bytes: Buffer): object {
  const { term, type, data } = decodeEntry(index, bytes)
  const text = Buffer.from(data).toString()
  return { index, term, commandType: type, command: text === '' ? null : (JSON.parse(text) as unknown) }
}
