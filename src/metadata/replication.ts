import { originalReplicas, withMoveDone } from './reassignment.ts'

/**
 * Leadership and ISR of one partition: pure rules, computed when a command is applied, so that every node comes to the
 * same result from the same image. Kafka's rules with eligible leader replicas (KIP-966) always on.
 *
 * Sets of replicas are bit masks over the replica list: bit i stands for `replicas[i]`.
 *
 * Invariants:
 * 1. `isr` and `elr` are disjoint.
 * 2. No replica on a broker that is not active is in `isr`; `isr` may be empty.
 * 3. The leader is in `isr`, or there is none (null).
 */
export type Replication = {
  /** Preferred leader first. While replicas are being moved: those of before, then those that are added. */
  readonly replicas: readonly number[]
  readonly reassignment: Reassignment | null
  readonly leader: number | null
  readonly isr: number
  /** Replicas that left the ISR holding every committed record, while the ISR was below its minimum. */
  readonly elr: number
  /** Who led last, while nobody leads. It counts only when ISR and ELR are both empty. */
  readonly lastKnownLeader: number | null
}

/** Where the replicas of a partition are moving to (KIP-455), and why. */
export type Reassignment = {
  /** The replica list when it is done. */
  readonly target: readonly number[]
  /** Those of `replicas` that were not there before. */
  readonly adding: number
  readonly cause: ReassignmentCause
  /** When it began; while it waits, when it was asked for. */
  readonly startedAt: number
  /** It has not begun: others are moved first. Of the partition nothing is other than before. */
  readonly waiting?: true
}
export type ReassignmentCause = 'MANUAL' | 'DECOMMISSION' | 'REBALANCE' | 'RECOVERY'

/** More replicas than anybody wants, and few enough for a mask in 31 bits. */
export const REPLICATION_FACTOR_MAX = 30

export type Rules = {
  /** As configured: a partition with fewer replicas needs only these. */
  readonly minIsr: number
  readonly unclean: boolean
  readonly isActive: (brokerId: number) => boolean
  /** It leads only what nobody else can. */
  readonly isDraining: (brokerId: number) => boolean
}

/** A new partition: every active replica is in sync, since there is nothing to be behind of. */
export function newReplication(
  replicas: readonly number[],
  rules: Pick<Rules, 'isActive' | 'isDraining'>,
): Replication {
  const isr = maskOf(replicas, rules.isActive)
  const leader = firstIn(replicas, isr, rules)
  return { replicas, reassignment: null, leader, isr, elr: 0, lastKnownLeader: null }
}

/**
 * A broker leaves the ISR. `lostData`: it cannot prove that it stopped cleanly, so it may have lost records that it
 * acknowledged, and is no longer eligible either.
 */
export function withoutReplica(
  state: Replication,
  brokerId: number,
  lostData: boolean,
  rules: Rules,
): Replication {
  const bit = bitOf(state.replicas, brokerId)
  const isr = state.isr & ~bit
  const below = countOf(isr) < minIsrOf(state, rules)
  const joinsElr = (state.isr & bit) !== 0 && below && !lostData
  let elr = below ? state.elr : 0
  if (joinsElr) elr |= bit
  if (lostData) elr &= ~bit
  return settle({ ...state, isr, elr }, rules)
}

/** The rules changed. An ISR that suffices now commits without the others, who are eligible no longer. */
export function underRules(state: Replication, rules: Rules): Replication {
  return settle(withElrInForce(state, rules), rules)
}

/** With enough members the ISR commits without the others, and nobody else is eligible. */
function withElrInForce(state: Replication, rules: Rules): Replication {
  return state.elr === 0 || countOf(state.isr) < minIsrOf(state, rules) ? state : { ...state, elr: 0 }
}

/** How many members the ISR must have for a write to be acknowledged. Replicas that are just being added do not count. */
export function minIsrOf(state: Replication, { minIsr }: Pick<Rules, 'minIsr'>): number {
  return Math.min(minIsr, originalReplicas(state).length)
}

/** Brings a state that something has happened to back under the rules: a leader, moves that are done, draining leaders. */
export function settle(state: Replication, rules: Rules): Replication {
  const led = elect(state, rules)
  const moved = withMoveDone(led)
  return yieldLeadership(moved === led ? led : elect(withElrInForce(moved, rules), rules), rules)
}

/** A draining leader hands over as soon as another member of the ISR can lead. */
function yieldLeadership(state: Replication, rules: Rules): Replication {
  if (state.leader === null || !rules.isDraining(state.leader)) return state
  const next = firstIn(state.replicas, state.isr, rules)
  return next === null || rules.isDraining(next) ? state : { ...state, leader: next }
}

/** The leader stays while it is valid; else ISR, then ELR, then (both empty) who led last, then unclean if allowed. */
export function elect(state: Replication, rules: Rules): Replication {
  const { replicas, leader, isr, elr } = state
  const inIsr = firstIn(replicas, isr, rules)
  if (leader !== null && (isr & bitOf(replicas, leader)) !== 0 && rules.isActive(leader)) return state
  if (inIsr !== null) return { ...state, leader: inIsr, lastKnownLeader: null }
  const inElr = isr === 0 ? firstIn(replicas, elr, rules) : null
  if (inElr !== null)
    return ledAlone(state, inElr, minIsrOf(state, rules) > 1 ? elr & ~bitOf(replicas, inElr) : 0)
  const last = leader ?? state.lastKnownLeader
  if (isr === 0 && elr === 0 && last !== null && replicas.includes(last) && rules.isActive(last))
    return ledAlone(state, last, 0)
  // A replica that is just being added has nothing yet: with it not some records would be lost, but all.
  const anyone = rules.unclean ? firstIn(replicas, ~(state.reassignment?.adding ?? 0), rules) : null
  if (anyone !== null) return ledAlone(state, anyone, 0)
  return { ...state, leader: null, lastKnownLeader: last }
}

/** An operator gives up what nobody has: any live replica leads, those that are just being added last. */
export function electAnyone(state: Replication, rules: Rules): Replication {
  const elected = settle(state, { ...rules, unclean: true })
  if (elected.leader !== null) return elected
  const anyone = firstIn(state.replicas, ~0, rules)
  return anyone === null ? elected : settle(ledAlone(state, anyone, 0), rules)
}

function ledAlone(state: Replication, leader: number, elr: number): Replication {
  return { ...state, leader, isr: bitOf(state.replicas, leader), elr, lastKnownLeader: null }
}

/** The first that may lead, in replica order; one that is draining only where there is no other. */
function firstIn(
  replicas: readonly number[],
  mask: number,
  { isActive, isDraining }: Pick<Rules, 'isActive' | 'isDraining'>,
): number | null {
  let draining: number | null = null
  for (let i = 0; i < replicas.length; i++) {
    const id = replicas[i]!
    if ((mask & (1 << i)) === 0 || !isActive(id)) continue
    if (!isDraining(id)) return id
    draining ??= id
  }
  return draining
}

/** The bit of a broker in a replica list; 0 if it holds no replica. */
export function bitOf(replicas: readonly number[], brokerId: number): number {
  const position = replicas.indexOf(brokerId)
  return position < 0 ? 0 : 1 << position
}

export function maskOf(replicas: readonly number[], member: (brokerId: number) => boolean): number {
  let mask = 0
  for (let i = 0; i < replicas.length; i++) if (member(replicas[i]!)) mask |= 1 << i
  return mask
}

export function membersOf(replicas: readonly number[], mask: number): number[] {
  return replicas.filter((_, i) => (mask & (1 << i)) !== 0)
}

export function countOf(mask: number): number {
  let count = 0
  for (let rest = mask; rest !== 0; rest &= rest - 1) count += 1
  return count
}

export function sameReplication(a: Replication, b: Replication): boolean {
  return (
    a.leader === b.leader &&
    a.isr === b.isr &&
    a.elr === b.elr &&
    a.lastKnownLeader === b.lastKnownLeader &&
    a.reassignment === b.reassignment &&
    a.replicas === b.replicas
  )
}
