import { assert } from '../base/assert.ts'
import { maskOf, membersOf, type Reassignment, type Replication } from './replication.ts'

/**
 * Moving the replicas of a partition (KIP-455): those that come are added first, and only when they are in sync do the
 * others go. At every moment the ISR holds every committed record.
 */
export function beginMove(
  state: Replication,
  target: readonly number[],
  { cause, startedAt }: Pick<Reassignment, 'cause' | 'startedAt'>,
): Replication {
  const before = originalReplicas(state)
  const replicas = [...before, ...target.filter(id => !before.includes(id))]
  const adding = maskOf(replicas, id => !before.includes(id))
  const moved = withReplicas(state, replicas)
  return { ...moved, reassignment: { target, adding, cause, startedAt } }
}

/** The same, to begin when there is room for it. Only what is not being moved can wait. */
export function queueMove(
  state: Replication,
  target: readonly number[],
  { cause, startedAt }: Pick<Reassignment, 'cause' | 'startedAt'>,
): Replication {
  assert(state.reassignment === null, 'what is being moved does not wait')
  return { ...state, reassignment: { target, adding: 0, cause, startedAt, waiting: true } }
}

export function isWaiting({ reassignment }: Pick<Replication, 'reassignment'>): boolean {
  return reassignment?.waiting === true
}

/** Its replicas are being moved now. */
export function isMoving({ reassignment }: Pick<Replication, 'reassignment'>): boolean {
  return reassignment !== null && reassignment.waiting !== true
}

/** The replicas that a move brings, and that are not in sync yet. */
export function awaitedReplicas({ replicas, isr, reassignment }: Replication): number[] {
  return reassignment === null ? [] : membersOf(replicas, reassignment.adding & ~isr)
}

/** Back to the replicas of before. */
export function cancelMove(state: Replication): Replication {
  return { ...withReplicas(state, originalReplicas(state)), reassignment: null }
}

/** The replicas that there were before anything moved. */
export function originalReplicas({ replicas, reassignment }: Replication): readonly number[] {
  return reassignment === null ? replicas : membersOf(replicas, ~reassignment.adding)
}

export function removingReplicas({ replicas, reassignment }: Replication): number[] {
  return reassignment === null || reassignment.waiting
    ? []
    : replicas.filter(id => !reassignment.target.includes(id))
}

/**
 * Were the replicas `list` all that is left, would one of them hold every committed record? Those who do are the ISR, while
 * it is empty the ELR, and failing both nobody is known to be better than who led last.
 */
export function keepsData(state: Replication, list: readonly number[]): boolean {
  const { replicas, isr, elr, lastKnownLeader } = state
  const holders = membersOf(replicas, isr === 0 ? elr : isr)
  if (holders.length === 0 && lastKnownLeader !== null) holders.push(lastKnownLeader)
  return holders.length === 0 || holders.some(id => list.includes(id))
}

/**
 * The move is done when all of the target is in the ISR; or when those that were added are, and those that go are neither
 * in the ISR nor eligible, so that nothing is lost with them (a dead broker is replaced although a third one is away).
 */
export function withMoveDone(state: Replication): Replication {
  const { replicas, reassignment, isr, elr } = state
  if (reassignment === null || reassignment.waiting) return state
  const target = maskOf(replicas, id => reassignment.target.includes(id))
  const added = reassignment.adding & target
  const othersHoldNothing = ((isr | elr) & ~target) === 0
  const done =
    (isr & target) === target || ((isr & added) === added && (isr & target) !== 0 && othersHoldNothing)
  return done ? { ...withReplicas(state, reassignment.target), reassignment: null } : state
}

/** The same partition on other replicas: who is in neither list is forgotten. */
function withReplicas(state: Replication, replicas: readonly number[]): Replication {
  const carry = (mask: number): number => {
    const members = membersOf(state.replicas, mask)
    return maskOf(replicas, id => members.includes(id))
  }
  const { leader, lastKnownLeader } = state
  const elr = carry(state.elr)
  // Who led last is gone: an eligible replica stands for it, or a lost disk would leave nobody to lead again.
  const last = lastKnownLeader === null || replicas.includes(lastKnownLeader) ? lastKnownLeader : null
  const standsIn = lastKnownLeader === null ? null : (membersOf(replicas, elr)[0] ?? null)
  return {
    ...state,
    replicas,
    isr: carry(state.isr),
    elr,
    leader: leader !== null && replicas.includes(leader) ? leader : null,
    lastKnownLeader: last ?? standsIn,
  }
}
