import { type FeatureLevels, FIRST_LEVELS } from './features.ts'

/** What is true of the cluster as a whole. */
export type ClusterRow = {
  readonly features: FeatureLevels
  /** Null: none was asked for, or it is done. */
  readonly rebalance: Rebalance | null
  /** At most so many partitions are moved at a time. Absent: as the controller was configured. */
  readonly movesMax?: number
}

/** The load is to be evened out until it is even. */
export type Rebalance = { readonly since: number }

export const FIRST_CLUSTER: ClusterRow = { features: FIRST_LEVELS, rebalance: null }

/** Nobody has changed it: it is left out of hashes and snapshots, as in releases from before there were levels. */
export function isFirst({ features, rebalance, movesMax }: ClusterRow): boolean {
  if (rebalance !== null || movesMax !== undefined) return false
  return Object.entries(features).every(([name, level]) => level === FIRST_LEVELS[name])
}

/** Fields in their one order, without what a newer release may have added. */
export function clusterRowOf({ features, rebalance, movesMax }: ClusterRow): ClusterRow {
  return {
    features,
    rebalance: rebalance === null ? null : { since: rebalance.since },
    ...(movesMax === undefined ? {} : { movesMax }),
  }
}
