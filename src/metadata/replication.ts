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
  readonly replicas: readonly number[]
  readonly leader: number | null
  readonly isr: number
  /** Replicas that left the ISR holding every committed record, while the ISR was below its minimum. */
  readonly elr: number
  /** Who led last, while nobody leads. It counts only when ISR and ELR are both empty. */
  readonly lastKnownLeader: number | null
}

/** More replicas than anybody wants, and few enough for a mask in 31 bits. */
export const REPLICATION_FACTOR_MAX = 30

export type Rules = {
  readonly minIsr: number
  readonly unclean: boolean
  readonly isActive: (brokerId: number) => boolean
}

/** A new partition: every active replica is in sync, since there is nothing to be behind of. */
export function newReplication(replicas: readonly number[], isActive: Rules['isActive']): Replication {
  const isr = maskOf(replicas, isActive)
  const leader = replicas.find(isActive) ?? null
  return { replicas, leader, isr, elr: 0, lastKnownLeader: null }
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
  const below = countOf(isr) < rules.minIsr
  const joinsElr = (state.isr & bit) !== 0 && below && !lostData
  let elr = below ? state.elr : 0
  if (joinsElr) elr |= bit
  if (lostData) elr &= ~bit
  return elect({ ...state, isr, elr }, rules)
}

/** The rules changed. An ISR that suffices now commits without the others, who are eligible no longer. */
export function underRules(state: Replication, rules: Rules): Replication {
  return elect({ ...state, elr: countOf(state.isr) < rules.minIsr ? state.elr : 0 }, rules)
}

/** The leader stays while it is valid; else ISR, then ELR, then (both empty) who led last, then unclean if allowed. */
export function elect(state: Replication, rules: Rules): Replication {
  const { replicas, leader, isr, elr } = state
  const inIsr = firstIn(replicas, isr, rules.isActive)
  if (leader !== null && (isr & bitOf(replicas, leader)) !== 0 && rules.isActive(leader)) return state
  if (inIsr !== null) return { ...state, leader: inIsr, lastKnownLeader: null }
  const inElr = isr === 0 ? firstIn(replicas, elr, rules.isActive) : null
  if (inElr !== null)
    return ledAlone(state, inElr, countOf(1) < rules.minIsr ? elr & ~bitOf(replicas, inElr) : 0)
  const last = leader ?? state.lastKnownLeader
  if (isr === 0 && elr === 0 && last !== null && replicas.includes(last) && rules.isActive(last))
    return ledAlone(state, last, 0)
  const anyone = rules.unclean ? (replicas.find(rules.isActive) ?? null) : null
  if (anyone !== null) return ledAlone(state, anyone, 0)
  return { ...state, leader: null, lastKnownLeader: last }
}

function ledAlone(state: Replication, leader: number, elr: number): Replication {
  return { ...state, leader, isr: bitOf(state.replicas, leader), elr, lastKnownLeader: null }
}

function firstIn(replicas: readonly number[], mask: number, isActive: Rules['isActive']): number | null {
  for (let i = 0; i < replicas.length; i++)
    if ((mask & (1 << i)) !== 0 && isActive(replicas[i]!)) return replicas[i]!
  return null
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
    a.leader === b.leader && a.isr === b.isr && a.elr === b.elr && a.lastKnownLeader === b.lastKnownLeader
  )
}
