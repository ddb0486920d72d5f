import { crc32 } from 'node:zlib'
import type { Timeline } from './world/timeline.ts'

/**
 * The story of a run, one line per event. The digest is kept even when nobody reads the lines: two runs of one seed must
 * come to the same.
 */
export class Trace {
  readonly #timeline: Timeline
  readonly #write: ((line: string) => void) | null
  #digest = 0

  constructor(timeline: Timeline, write: ((line: string) => void) | null) {
    this.#timeline = timeline
    this.#write = write
  }

  get digest(): string {
    return (this.#digest >>> 0).toString(16).padStart(8, '0')
  }

  /** Something happened at a node (0: in the world). The text is made only for readers. */
  note(node: number, kind: string, text: () => string): void {
    this.#mix(`${this.#timeline.now} ${node} ${kind}`)
    if (this.#write === null) return
    const who = node === 0 ? 'world ' : `node ${node}`
    this.#write(`${this.#timeline.now.toFixed(3).padStart(11)} ${who} ${kind.padEnd(9)} ${text()}`)
  }

  /** Bytes that a node sends, or anything else that must be the same in each run. */
  #mix(text: string): void {
    this.#digest = crc32(text, this.#digest)
  }

  bytes(bytes: Buffer): void {
    this.#digest = crc32(bytes, this.#digest)
  }
}
