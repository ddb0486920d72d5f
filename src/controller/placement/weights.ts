import type { Broker } from '../../metadata/broker.ts'
import type { Unavailable } from './view.ts'

/** The resources that say how much a broker is to hold; the first of them that any broker reports counts for all. */
const WEIGHT_NAMES = ['weight', 'diskBytesTotal']
/** Below this share of free disk a broker gets no new replicas. */
const FREE_SHARE_MIN = 0.05
/** More than this is room enough, however large the disk. */
const FREE_BYTES_ENOUGH = 5 * 2 ** 30

/**
 * How much each broker is to hold, the average being 1. A broker that reports nothing, or nothing sensible, counts as
 * average: so brokers that report nothing at all count alike.
 */
export function weightsOf(brokers: readonly Pick<Broker, 'resources'>[]): number[] {
  for (const name of WEIGHT_NAMES) {
    const reported = brokers.map(({ resources }) => positive(resources[name]))
    const known = reported.filter(value => value !== null)
    if (known.length === 0) continue
    const average = known.reduce((sum, value) => sum + value, 0) / known.length
    return reported.map(value => (value ?? average) / average)
  }
  return brokers.map(() => 1)
}

function positive(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) && value > 0 ? value : null
}

/** Why a broker gets no new replicas; null: it may. */
export function unavailabilityOf({
  status,
  drain,
  resources,
}: Pick<Broker, 'status' | 'drain' | 'resources'>): Unavailable | null {
  if (status !== 'ONLINE') return status
  if (drain !== null) return 'DRAINING'
  const { diskBytesFree: free, diskBytesTotal: total } = resources
  if (free === undefined) return null
  return free <= Math.min(FREE_SHARE_MIN * (total ?? 0), FREE_BYTES_ENOUGH) ? 'DISK_FULL' : null
}
