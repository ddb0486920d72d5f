import { DmqError } from '../base/errors.ts'
import type { Consensus } from '../consensus/consensus.ts'
import type { Clock } from '../io/clock.ts'
import { type Command, encodeCommand } from '../metadata/command.ts'
import type { Plan } from '../metadata/decision.ts'
import { LEVELS_OF_COMMANDS } from '../metadata/features.ts'
import { type FirstResult, type Idempotency, replay } from '../metadata/idempotency.ts'
import { type Applied, preview } from '../metadata/metadata.ts'
import type { Replica } from './replica.ts'

/** A command without its time: the controller stamps it. */
export type Intent = Command extends infer C ? (C extends Command ? Omit<C, 'time'> : never) : never

/** How a write is to be done. */
export type Write = {
  readonly timeoutMs: number
  /** What brought it about, as the history tells it. */
  readonly by?: string
  /** The sender may repeat it: it is done once, and a repeat gets the first result. */
  readonly idempotency?: Idempotency
  /** Called before such a result is given: `version` is where the first request was decided. */
  readonly onReplay?: (version: number) => void
}

/** Writes that the controller does by itself. */
export const OWN_WRITE: Write = { timeoutMs: 5_000 }

/** The same for one of its duties, which the history names. */
export function ownWrite(by: string): Write {
  return { ...OWN_WRITE, by }
}

/** `replayed`: it was done before, at that version; a result for each part is of the parts that were named then. */
export type Outcome = Plan & Pick<Applied, 'replayed'>

type Parts = { readonly consensus: Consensus; readonly replica: Replica; readonly clock: Clock }

/** Makes commands of what was decided, and has them committed. It lives as long as one leadership. */
export class Proposer {
  readonly #parts: Parts
  #ended = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  end(): void {
    this.#ended = true
  }

  /** What the command would come to now. Throws what it would be rejected with. */
  check(intent: Intent): Plan {
    return planOf(preview(this.#parts.replica.image, this.#stamp(intent)))
  }

  /** Decides what to do, and does it; a repeat of a keyed write gets the first result. Rejections are thrown. */
  async submit(write: Write, decide: () => Intent): Promise<Outcome> {
    this.#assertGoesOn()
    const { idempotency } = write
    if (idempotency === undefined) return this.propose(decide(), write)
    const first = this.#firstResult(idempotency)
    if (first !== null) return planOf(replay(first, idempotency), write)
    return this.propose(
      this.#intentOrRejection(() => this.#inForce(decide())),
      write,
    )
  }

  /** It was decided before: to be submitted as it is, whatever would be said of it now. */
  isRepeat({ idempotency }: Write): boolean {
    return idempotency !== undefined && this.#firstResult(idempotency) !== null
  }

  #firstResult({ key }: Idempotency): FirstResult | null {
    return this.#parts.replica.firstResult(key, this.#parts.clock.epoch())
  }

  /** What is refused here goes into the log as well, where the request has a key: a repeat must not fare differently. */
  #intentOrRejection(decide: () => Intent): Intent {
    try {
      return decide()
    } catch (error) {
      if (!(error instanceof DmqError) || error.code === 'NOT_CONTROLLER') throw error
      const { code: rejected, message, details } = error
      return {
        type: 'NoteRejectionCommand',
        rejected,
        message,
        ...(details === undefined ? {} : { details }),
      }
    }
  }

  /** Resolves when the command is applied here. */
  async propose(intent: Intent, write: Write = OWN_WRITE): Promise<Outcome> {
    this.#assertGoesOn()
    const { idempotency, timeoutMs, by } = write
    const command = {
      ...this.#stamp(this.#inForce(intent)),
      ...(by === undefined ? {} : { by }),
      ...(idempotency === undefined ? {} : { idempotency }),
    }
    const { result } = await this.#parts.consensus.propose(
      command.type,
      Buffer.from(encodeCommand(command)),
      timeoutMs,
    )
    return planOf(result as Applied, write)
  }

  /** Nodes of an earlier release, which would end at it, may be there until the level is raised. */
  #inForce(intent: Intent): Intent {
    const least = LEVELS_OF_COMMANDS[intent.type] ?? 1
    const level = this.#parts.replica.image.cluster.features['metadata.version']!
    if (level >= least) return intent
    throw new DmqError(
      'FEATURE_UPDATE_FAILED',
      `this is possible from metadata.version ${least} on, it is ${level}: raise it when every node runs a release that supports it`,
    )
  }

  #stamp(intent: Intent): Command {
    return { ...intent, time: this.#parts.clock.epoch() } as Command
  }

  #assertGoesOn(): void {
    if (this.#ended) throw new DmqError('NOT_CONTROLLER', 'this node is not the controller any more')
  }
}

function planOf(applied: Applied, { onReplay }: Pick<Write, 'onReplay'> = {}): Outcome {
  if (applied.replayed !== undefined) onReplay?.(applied.replayed)
  if ('rejected' in applied) throw new DmqError(applied.rejected, applied.message, applied.details)
  return applied
}
