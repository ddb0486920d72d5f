import { lowerBound } from '../base/lower-bound.ts'
import type { Touched } from './touched.ts'

/**
 * One accepted command: replayed on an image at the version of the one before it, it leads to `version`. What became of the
 * rows that it touched is read from the image.
 */
export type AcceptedCommand = Touched & {
  readonly version: number
  readonly commandType: string
  readonly commandData: string
}

/**
 * The newest accepted commands, bounded in bytes. It answers what changed since a version; for what is older than the
 * ring only the whole image will do.
 */
export class ChangeRing {
  readonly #bytesMax: number
  #commands: AcceptedCommand[] = []
  #bytes = 0
  /** Everything after this version is here. */
  #from: number

  constructor(from: number, bytesMax = 16 * 1024 * 1024) {
    this.#from = from
    this.#bytesMax = bytesMax
  }

  get from(): number {
    return this.#from
  }

  add(command: AcceptedCommand): void {
    this.#commands.push(command)
    this.#bytes += bytesOf(command)
    if (this.#bytes <= this.#bytesMax) return
    // Half goes at once, so that dropping costs nothing per command.
    let dropped = 0
    while (this.#bytes > this.#bytesMax / 2) this.#bytes -= bytesOf(this.#commands[dropped++]!)
    this.#from = this.#commands[dropped - 1]!.version
    this.#commands = this.#commands.slice(dropped)
  }

  /** Commands after `version`, oldest first; null when some of them are gone. */
  since(version: number): readonly AcceptedCommand[] | null {
    if (version < this.#from) return null
    return this.#commands.slice(lowerBound(this.#commands.length, i => this.#commands[i]!.version <= version))
  }
}

function bytesOf({ commandData, topics, many }: AcceptedCommand): number {
  return commandData.length + 64 + topics.length * 16 + (many?.numbers.byteLength ?? 0)
}
