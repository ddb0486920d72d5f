import type { HistoryEntry } from './entry.ts'
import { History } from './history.ts'

/**
 * The newest entries as a piece of a snapshot, so that a node that starts from one knows what came before it. No part
 * of the state: a node that lacks it, or cannot read it, does the same as all others.
 *
 * The first byte says what the piece is; those of the state count from 1.
 */
const HISTORY = 64
const FORMAT = 1
/** Of one entry; the others are counted. */
const PARTITIONS_SAVED = 100

export function isHistory(piece: Uint8Array): boolean {
  return piece[0] === HISTORY
}

type Captured = Pick<History, 'entries' | 'from'>

/** As many of the newest entries as fit into `bytesMax`, each whole. */
export function saveHistory({ entries, from }: Captured, bytesMax: number): Uint8Array {
  const texts: string[] = []
  let bytes = 0
  for (const entry of entries.toReversed()) {
    const text = JSON.stringify(shortened(entry))
    bytes += text.length
    if (bytes > bytesMax) break
    texts.push(text)
  }
  const first = entries.length - texts.length
  const since = first === 0 ? from : entries[first - 1]!.version
  const json = `{"format":${FORMAT},"from":${since},"entries":[${texts.reverse().join(',')}]}`
  const body = new TextEncoder().encode(json)
  const piece = new Uint8Array(1 + body.length)
  piece[0] = HISTORY
  piece.set(body, 1)
  return piece
}

function shortened(entry: HistoryEntry): HistoryEntry {
  return { ...entry, partitions: entry.partitions.slice(0, PARTITIONS_SAVED) }
}

/** Null: another release wrote it, in a form that this one does not read. */
export function readHistory(piece: Uint8Array): History | null {
  const saved = JSON.parse(new TextDecoder().decode(piece.subarray(1))) as {
    format: number
    from: number
    entries: HistoryEntry[]
  }
  return saved.format === FORMAT ? new History(saved.from, saved.entries) : null
}
