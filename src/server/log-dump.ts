import { decodeEntry, decodeHardState } from '../consensus/entry-codec.ts'
import type { Disk } from '../io/disk.ts'
import { type Place, withStoppedNode } from './stopped-node.ts'

const READ_BYTES = 1024 * 1024

/** Tells every entry of a metadata node's log, then its hard state. */
export function dumpLog(disk: Disk, place: Place, tell: (line: object) => void): Promise<void> {
  return withStoppedNode(disk, place, async ({ log }) => {
    for (let index = log.firstIndex; index <= log.lastIndex; ) {
      for (const bytes of log.read(index, log.lastIndex, READ_BYTES)) tell(entryLine(index++, bytes))
    }
    if (log.state !== null) tell({ hardState: decodeHardState(log.state) })
  })
}

function entryLine(index: number, bytes: Buffer): object {
  const { term, type, data } = decodeEntry(index, bytes)
  const text = Buffer.from(data).toString()
  return { index, term, commandType: type, command: text === '' ? null : (JSON.parse(text) as unknown) }
}
