import { FatalError, messageOf } from '../base/errors.ts'
import type { StateMachine } from '../consensus/state-machine.ts'
import type { Clock } from '../io/clock.ts'
import type { Change } from '../metadata/change.ts'
import { ChangeRing } from '../metadata/change-ring.ts'
import { type Command, decodeCommand } from '../metadata/command.ts'
import { Image } from '../metadata/image.ts'
import { type Applied, apply } from '../metadata/metadata.ts'
import { touchedBy } from '../metadata/touched.ts'

type Waiter = { readonly version: number; readonly resolve: () => void }

/** This node's copy of the metadata: the image, what changed lately, and who waits for a version of it. */
export class Replica implements StateMachine {
  readonly image = new Image()
  readonly ring = new ChangeRing(0)
  readonly #clock: Clock
  readonly #waiters = new Set<Waiter>()
  readonly #listeners: ((command: Command, changes: readonly Change[]) => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  apply(index: number, type: string, data: Uint8Array): Applied {
    const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString()
    const command = decode(index, type, text)
    const applied = apply(this.image, command, index)
    if ('rejected' in applied || applied.changes.length === 0) return applied
    this.ring.add({
      version: index,
      commandType: type,
      commandData: text,
      ...touchedBy(this.image, applied.changes),
    })
    for (const listener of this.#listeners) listener(command, applied.changes)
    this.#wake()
    return applied
  }

  /** Calls back after every command that changed the image. */
  onChange(listener: (command: Command, changes: readonly Change[]) => void): void {
    this.#listeners.push(listener)
  }

  /** True once the image has reached `version`; false if it did not within `timeoutMs`. */
  reached(version: number, timeoutMs: number): Promise<boolean> {
    if (this.image.version >= version) return Promise.resolve(true)
    return new Promise(resolve => {
      const waiter: Waiter = { version, resolve: () => settle(true) }
      const timer = this.#clock.timer(timeoutMs, () => settle(false))
      const settle = (reached: boolean): void => {
        timer.cancel()
        this.#waiters.delete(waiter)
        resolve(reached)
      }
      this.#waiters.add(waiter)
    })
  }

  #wake(): void {
    for (const waiter of this.#waiters) if (this.image.version >= waiter.version) waiter.resolve()
  }
}

/** An entry that this release cannot read may not be skipped: other nodes apply it, and the images would part. */
function decode(index: number, type: string, text: string): Command {
  let command: Command | null
  try {
    command = decodeCommand(type, text)
  } catch (error) {
    throw new FatalError(`log entry ${index} (${type}) is not readable: ${messageOf(error)}`)
  }
  if (command !== null) return command
  throw new FatalError(
    `log entry ${index} is a ${type}, which this release does not know. Start the release that wrote it, or a later one.`,
  )
}
