import { assert } from '../base/assert.ts'
import { messageOf } from '../base/errors.ts'
import { type Change, write } from './change.ts'
import { type Command, decide } from './command.ts'
import { type Decision, type Moment, type PartResults, partResultsOf, reject } from './decision.ts'
import { type FirstResult, type IdempotencyKeys, replay } from './idempotency.ts'
import type { Image } from './image.ts'

/**
 * The door of the room: the metadata state machine. The same commands in the same order give the same image, state hash
 * included, on every node: nothing here reads a clock, draws a random number or waits.
 */
export type Applied = Decision & {
  /** The version at which the first request with this idempotency key was decided: this is its result once more. */
  readonly replayed?: number
}

/** Is shown the changes while the image is still as it was before them; not called where there are none. */
export type Witness = (changes: readonly Change[]) => void

/**
 * Applies the command at log index `index`. What is rejected has changed nothing. What changes nothing leaves version and
 * time as they were: nodes that replay only the accepted commands come to the same image.
 */
export function apply(image: Image, command: Command, index: number, witness?: Witness): Applied {
  const moment: Moment = { version: index, time: Math.max(image.time, command.time) }
  const decision = decideSafely(image, command, moment)
  if ('rejected' in decision || decision.changes.length === 0) return decision
  witness?.(decision.changes)
  for (const change of decision.changes) write(image, change)
  image.advance(moment.version, moment.time)
  return decision
}

/**
 * The same, each keyed request once: a repeat changes nothing and gets the first result, be it a rejection. Rejections for
 * want of room are not kept.
 */
export function applyOnce(
  image: Image,
  keys: IdempotencyKeys,
  command: Command,
  index: number,
  witness?: Witness,
): Applied {
  const { idempotency } = command
  if (idempotency === undefined) return apply(image, command, index, witness)
  const time = Math.max(image.time, command.time)
  const first = keys.find(idempotency.key, time)
  if (first !== null) return replay(first, idempotency)
  const full = keys.makeRoom(time)
  if (full !== null) return full
  const applied = apply(image, command, index, witness)
  keys.add({ ...idempotency, version: index, time, ...kept(applied) })
  return applied
}

function kept(applied: Applied): Pick<FirstResult, 'rejection' | keyof PartResults> {
  return 'rejected' in applied ? { rejection: applied } : partResultsOf(applied)
}

/** What `command` would come to, without doing it. */
export function preview(image: Image, command: Command): Applied {
  return decideSafely(image, command, {
    version: image.version + 1,
    time: Math.max(image.time, command.time),
  })
}

/**
 * A bug in a decision becomes a rejection, the same on every node. Were it thrown, the entry would take every node down,
 * again at every start. Writing may only assert: by then the plan is sound.
 */
function decideSafely(image: Image, command: Command, moment: Moment): Decision {
  try {
    assert(Number.isSafeInteger(command.time), 'the time of a command is a whole number')
    return decide(image, command, moment)
  } catch (error) {
    return reject('INTERNAL', `${command.type} could not be decided: ${messageOf(error)}`)
  }
}
