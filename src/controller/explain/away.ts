import type { Broker } from '../../metadata/broker.ts'
import type { Image } from '../../metadata/image.ts'
import type { History } from '../history/history.ts'
import { type Finding, finding } from './finding.ts'
import { originOf, removalEntry, statusEntry } from './past.ts'

/** Why a broker can neither lead nor be in sync; null: it can do both. */
export function whyAway(image: Image, history: History, brokerId: number): Finding | null {
  const broker = image.broker(brokerId)
  if (broker === undefined) return whyGone(history, brokerId)
  if (image.isActive(brokerId)) return null
  return awayFinding(history, broker)
}

export function awayFinding(history: History, broker: Broker): Finding {
  const { brokerId, status, statusReason } = broker
  const entry = statusEntry(history, broker)
  const by = entry?.by == null ? '' : ` (${entry.by})`
  return finding('BROKER_AWAY', `broker ${brokerId} is ${status}: ${statusReason}${by}`, {
    since: broker.statusSince,
    ...originOf(entry),
    remedy: remedyOf(broker),
  })
}

function remedyOf({ brokerId, status, statusReason, incarnationId }: Broker): string {
  if (status === 'SHUTTING_DOWN') return `wait until broker ${brokerId} has stopped, then start it again`
  if (statusReason.startsWith('starting'))
    return `wait until broker ${brokerId} has caught up with the metadata`
  if (incarnationId === null) return `a heartbeat of broker ${brokerId} brings it back`
  return `start broker ${brokerId}, or look why its heartbeats do not arrive`
}

function whyGone(history: History, brokerId: number): Finding {
  const entry = removalEntry(history, brokerId)
  const by = entry?.by == null ? '' : ` (${entry.by})`
  return finding('BROKER_GONE', `broker ${brokerId} is not registered any more${by}`, {
    ...originOf(entry),
    remedy: `move its replicas to others (dmq reassign start), or register broker ${brokerId} again`,
  })
}
