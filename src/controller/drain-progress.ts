import type { Broker } from '../metadata/broker.ts'
import type { Image, TopicPartition } from '../metadata/image.ts'
import type { Partition } from '../metadata/partition-table.ts'
import { membersOf } from '../metadata/replication.ts'
import { absence } from './can-end.ts'
import { planDecommission } from './placement/decommission.ts'
import { asRegistered, placementView, type ResourcesOf } from './placement/image-view.ts'
import { progressOf } from './replica-moves.ts'

export type DrainProgress = {
  readonly brokerId: number
  readonly status: string
  readonly mode: 'DRAIN' | 'DECOMMISSION' | null
  readonly since: number | null
  readonly done: boolean
  readonly leaders: { readonly atStart: number; readonly left: number }
  readonly replicas: { readonly atStart: number; readonly left: number }
  readonly moved: number
  readonly left: readonly { readonly topic: string; readonly partition: number; readonly why: string }[]
}

const NAMED_MAX = 100

/**
 * How far a drain or decommission is: of the image, so that every node gives the same answer, but for who has no room. That
 * brokers tell the controller alone.
 */
export function drainProgress(image: Image, broker: Broker, resourcesOf = asRegistered): DrainProgress {
  const { brokerId, status, drain } = broker
  const held = image.partitionsWithReplicaOn(brokerId)
  const led = held.filter(({ partition }) => partition.leader === brokerId)
  const waiting = drain?.mode === 'DECOMMISSION' ? held : led
  const obstacles = drain?.mode === 'DECOMMISSION' ? obstaclesOf(image, brokerId, resourcesOf) : null
  const why = (place: TopicPartition): string =>
    obstacles === null ? whyLed(image, brokerId, place.partition) : whyHeld(image, place, obstacles)
  const leaders = { atStart: drain?.leaders ?? led.length, left: led.length }
  const replicas = { atStart: drain?.replicas ?? held.length, left: held.length }
  const counted = drain?.mode === 'DECOMMISSION' ? replicas : leaders
  return {
    brokerId,
    status,
    mode: drain?.mode ?? null,
    since: drain?.since ?? null,
    done: drain !== null && waiting.length === 0,
    leaders,
    replicas,
    moved: drain === null ? 0 : Math.max(0, counted.atStart - counted.left),
    left: (drain === null ? [] : waiting.slice(0, NAMED_MAX)).map(place => ({
      topic: place.topic.name,
      partition: place.partition.id,
      why: why(place),
    })),
  }
}

function whyLed(image: Image, brokerId: number, { replicas, isr }: Partition): string {
  const others = replicas.filter(id => id !== brokerId)
  if (others.length === 0) return 'it has no other replica; decommission moves it'
  const inSync = membersOf(replicas, isr).filter(id => id !== brokerId)
  if (inSync.length === 1) return `the only other in sync (${inSync[0]}) is being drained as well`
  if (inSync.length > 1) return `the others in sync (${inSync.join(', ')}) are being drained as well`
  const states = others.map(
    id => `${id} is ${image.isActive(id) ? 'not in sync' : (image.broker(id)?.status ?? 'gone')}`,
  )
  return `no other replica is in sync: ${states.join(', ')}`
}

type Obstacles = ReadonlyMap<string, string>

/** Why replicas of the broker cannot be moved, by partition. */
function obstaclesOf(image: Image, brokerId: number, resourcesOf: ResourcesOf): Obstacles {
  const offline = image.brokers().filter(({ status }) => status === 'OFFLINE')
  const absent = absence(image, new Set(offline.map(broker => broker.brokerId)))
  const { stuck } = planDecommission(placementView(image, resourcesOf), brokerId, NAMED_MAX, absent)
  return new Map(stuck.map(({ topic, partition, obstacle }) => [`${topic}-${partition}`, obstacle.text]))
}

function whyHeld(image: Image, place: TopicPartition, obstacles: Obstacles): string {
  const { topic, partition } = place
  if (partition.reassignment === null)
    return obstacles.get(`${topic.name}-${partition.id}`) ?? 'waits for its turn'
  const { target, state, waitsFor } = progressOf(image, place)
  const moves = state === 'WAITING' ? 'is to move' : 'moves'
  return `${moves} to [${target.join(', ')}]: ${waitsFor.join('; ') || 'completes'}`
}
