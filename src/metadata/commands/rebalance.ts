import { type Decision, type Moment, reject } from '../decision.ts'
import { REBALANCE_IS_KEPT } from '../features.ts'
import type { Image } from '../image.ts'

/** The load is to be evened out from now on; or (`wanted` is false) it is even, or an operator takes that back. */
export type RebalanceCommand = {
  readonly type: 'RebalanceCommand'
  readonly time: number
  readonly wanted: boolean
}

export function decide(image: Image, { wanted }: RebalanceCommand, { time }: Moment): Decision {
  const { cluster } = image
  const { features, rebalance } = cluster
  if (features['metadata.version']! < REBALANCE_IS_KEPT)
    return reject(
      'FEATURE_UPDATE_FAILED',
      `a rebalance is kept from metadata.version ${REBALANCE_IS_KEPT} on, it is ${features['metadata.version']}`,
    )
  if (wanted === (rebalance !== null)) return { changes: [] }
  return {
    changes: [{ kind: 'clusterSet', cluster: { ...cluster, rebalance: wanted ? { since: time } : null } }],
  }
}
