import { whyAway } from './away.ts'
import type { Case } from './case.ts'
import { type Finding, finding, type Origin } from './finding.ts'
import { originOf } from './past.ts'

/** Why a replica is not in the ISR of a partition that has a leader. */
export function whyNotInSync(one: Case, brokerId: number): Finding {
  const { image, history, partition, name } = one
  const left = whyLeft(one, brokerId)
  const away = whyAway(image, history, brokerId)
  const what = `the replica of ${name} on broker ${brokerId} is not in sync`
  if (away !== null) return finding('NOT_IN_SYNC', what, { ...originIn(left, away), because: [away] })
  const { leader } = partition
  const next =
    leader === null
      ? `${name} has no leader that could take it back`
      : `its leader, broker ${leader}, takes it back when it has caught up`
  return finding('NOT_IN_SYNC', what, {
    ...originIn(left, null),
    because: [...(left === null ? [] : [left]), finding('NOT_ELIGIBLE', `broker ${brokerId} is up; ${next}`)],
  })
}

function originIn(left: Finding | null, away: Finding | null): Origin {
  const { since, version }: Origin = left ?? away ?? {}
  return { ...(since === undefined ? {} : { since }), ...(version === undefined ? {} : { version }) }
}

/** How the replica left the ISR, if the history still knows. */
export function whyLeft({ past, name }: Case, brokerId: number): Finding | null {
  const cause = past.leftIsr(brokerId)
  if (cause === null) return null
  const what = `broker ${brokerId} left the ISR of ${name}: ${cause.entry.text}`
  return finding('LEFT_ISR', what, originOf(cause))
}
