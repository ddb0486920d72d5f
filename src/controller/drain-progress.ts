import type { Broker } from '../metadata/broker.ts'
import type { Image, TopicPartition } from '../metadata/image.ts'
import type { Partition } from '../metadata/partition-table.ts'
import { membersOf } from '../metadata/replication.ts'
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

/** `whyNotMoved`: why the replica of a partition on the broker cannot be moved; null: it waits for its turn. */
export function drainProgress(
  image: Image,
  broker: Broker,
  whyNotMoved: (place: TopicPartition) => string | null,
): DrainProgress {
  const { brokerId, status, drain } = broker
  const held = image.partitionsWithReplicaOn(brokerId)
  const led = held.filter(({ partition }) => partition.leader === brokerId)
  const waiting = drain?.mode === 'DECOMMISSION' ? held : led
  const why = (place: TopicPartition): string =>
    drain?.mode === 'DECOMMISSION'
      ? whyHeld(image, place, whyNotMoved)
      : whyLed(image, brokerId, place.partition)
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
  if (inSync.length > 0) return `the others in sync (${inSync.join(', ')}) are being drained as well`
  const states = others.map(
    id => `${id} is ${image.isActive(id) ? 'not in sync' : (image.broker(id)?.status ?? 'gone')}`,
  )
  return `no other replica is in sync: ${states.join(', ')}`
}

function whyHeld(
  image: Image,
  place: TopicPartition,
  whyNotMoved: (place: TopicPartition) => string | null,
): string {
  if (place.partition.reassignment === null) return whyNotMoved(place) ?? 'waits for its turn'
  const { target, waitsFor } = progressOf(image, place)
  return `moves to [${target.join(', ')}]: ${waitsFor.join('; ') || 'completes'}`
}
