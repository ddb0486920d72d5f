import { DmqError } from '../../base/errors.ts'
import type { Clock } from '../../io/clock.ts'
import { type Change, changedCount, changedRowsOf } from '../../metadata/change.ts'
import type { Command } from '../../metadata/command.ts'
import type { Plan as Decided, Rejection } from '../../metadata/decision.ts'
import type { Image } from '../../metadata/image.ts'
import { preview } from '../../metadata/metadata.ts'
import { Overlay } from '../../metadata/overlay.ts'
import type { Intent } from '../proposer.ts'
import type { Replica } from '../replica.ts'
import { movesDone } from './moves-done.ts'
import { Drafted, NAMES_SHOWN, type Outcome, outcomeOf, type Some } from './outcome.ts'

export type Plan = {
  /** Of the metadata that it is about. */
  readonly version: number
  /** Why parts of it would not be done. What would be refused as a whole is thrown. */
  readonly refused: readonly Rejection[]
  /** Moves that would not be done however long they go on: `orders-0`. */
  readonly unfinished: Some<string>
  readonly outcome: Outcome
}

const ATTEMPTS_MAX = 5

/** Changes after which everything else is let go on. */
const CHANGES_PER_STEP = 8_192

type Parts = { readonly replica: Replica; readonly clock: Clock }

/**
 * What commands would come to, one after the other, by the code that decides when they are applied; nothing is written.
 * Moves that they begin are played to their end: whoever is to hold a replica, and is there, catches up.
 * Between two large ones everything else goes on; when the metadata changed meanwhile the plan is made anew, for it must be
 * about one version. Throws OVERLOADED when that happens too often, and what a command as a whole would be refused with.
 */
export async function planOf(parts: Parts, commands: (image: Image) => readonly Intent[]): Promise<Plan> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const plan = await tryPlan(parts, commands(parts.replica.image))
    if (plan !== null) return plan
  }
  throw new DmqError(
    'OVERLOADED',
    'the metadata changes faster than this plan can be made; try again a little later',
  )
}

/** Null: the metadata changed meanwhile. */
async function tryPlan({ replica, clock }: Parts, commands: readonly Intent[]): Promise<Plan | null> {
  const { image } = replica
  const { version } = image
  const overlay = new Overlay(image)
  const drafted = new Drafted(image)
  const refused: Rejection[] = []
  const moved = new Set<number>()
  const queue: Intent[] = [...commands]
  let changes = 0
  for (let i = 0; i < queue.length; i++) {
    const intent = queue[i]!
    const decision = decided(overlay.image, { ...intent, time: clock.epoch() } as Command)
    drafted.add(decision.changes)
    if (intent.type === 'AlterReplicasCommand')
      for (const row of rowsOf(image, decision.changes)) moved.add(row)
    if (i < commands.length) refused.push(...(decision.results ?? []).filter(result => result !== null))
    const isLast = i === commands.length - 1
    if (isLast && moved.size === 0) break
    overlay.lay(decision.changes)
    if (isLast) queue.push(...movesDone(overlay.image, moved))
    changes += changedCount(decision.changes)
    if (changes < CHANGES_PER_STEP) continue
    changes = 0
    await turn(clock)
    if (replica.image !== image || image.version !== version) return null
  }
  const unfinished = unfinishedOf(overlay.image, moved)
  return { version, refused, unfinished, outcome: await stepped(outcomeOf(drafted), clock) }
}

function* rowsOf(image: Image, changes: readonly Change[]): Generator<number> {
  for (const [row] of changedRowsOf(changes, each => image.partition(each))) yield row
}

function unfinishedOf(image: Image, moved: ReadonlySet<number>): Some<string> {
  const rows = [...moved].filter(row => image.partition(row).reassignment !== null)
  const first = rows.slice(0, NAMES_SHOWN).map(row => {
    const { topicId, id } = image.partition(row)
    return `${image.topicById(topicId)!.name}-${id}`
  })
  return { count: rows.length, first }
}

function decided(image: Image, command: Command): Decided {
  const decision = preview(image, command)
  if ('rejected' in decision) throw new DmqError(decision.rejected, decision.message, decision.details)
  return decision
}

async function stepped<T>(steps: Generator<void, T>, clock: Clock): Promise<T> {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    await turn(clock)
  }
}

function turn(clock: Clock): Promise<void> {
  return new Promise(resolve => clock.afterPending(resolve))
}
