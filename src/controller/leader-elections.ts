import type { Clock, Timer } from '../io/clock.ts'
import type { Rejection } from '../metadata/decision.ts'
import type { Image } from '../metadata/image.ts'
import { ownWrite, type Proposer, type Write } from './proposer.ts'
import type { Replica } from './replica.ts'

export type ElectionType = 'PREFERRED' | 'UNCLEAN'
export type TopicPartitionName = { readonly topic: string; readonly partition: number }
export type ElectionResult = TopicPartitionName & { readonly rejection: Rejection | null }

type Parts = { readonly proposer: Proposer; readonly replica: Replica; readonly clock: Clock }

const TICK_MS = 1_000
/** So many leaderships go back at most with each tick: the broker warms up with them. */
const PER_TICK = 200
const ALL_MAX = 10_000

/**
 * Elections that are asked for, and the way back of leaderships to their preferred replicas: only to a broker that has been
 * ONLINE for a while and is in sync (KIP-1358), a few at a time.
 */
export class LeaderElections {
  readonly #parts: Parts
  readonly #delayMs: number
  #timer: Timer
  /** Nothing was to be done at this version, among brokers that may lead. */
  #idle = ''
  #ended = false

  /** `delayMs`: how long a broker is ONLINE before leaderships go back to it; 0: they never do by themselves. */
  constructor(delayMs: number, parts: Parts) {
    this.#parts = parts
    this.#delayMs = delayMs
    this.#timer = parts.clock.timer(TICK_MS, () => void this.#tick())
  }

  end(): void {
    this.#ended = true
    this.#timer.cancel()
  }

  /** `partitions` null: all to which it may apply, {@link ALL_MAX} at a time. */
  async elect(
    electionType: ElectionType,
    partitions: readonly TopicPartitionName[] | null,
    write: Write,
  ): Promise<ElectionResult[]> {
    const named = partitions ?? this.#all(electionType)
    const command = { type: 'ElectLeadersCommand', electionType, partitions: named } as const
    const { results = [], replayed } = await this.#parts.proposer.submit(write, () => command)
    // "All" were others when it was asked for first.
    if (partitions === null && replayed !== undefined) return []
    const all = named.map((name, i) => ({ ...name, rejection: results[i] ?? null }))
    // Nobody asked for those in particular: that one is led meanwhile is no news.
    return partitions === null
      ? all.filter(({ rejection }) => rejection?.rejected !== 'ELECTION_NOT_NEEDED')
      : all
  }

  #all(electionType: ElectionType): TopicPartitionName[] {
    const { image } = this.#parts.replica
    if (electionType === 'PREFERRED') return ledByOthers(image, ALL_MAX, id => mayLead(image, id))
    return image.topicNames
      .flatMap(topic =>
        image
          .partitionsOf(image.topic(topic)!)
          .filter(({ leader }) => leader === null)
          .map(({ id: partition }) => ({ topic, partition })),
      )
      .slice(0, ALL_MAX)
  }

  async #tick(): Promise<void> {
    try {
      if (this.#delayMs > 0) await this.#giveBack()
    } catch {
      // Leadership may be lost meanwhile, or the disk be full: the next tick, or the next controller, looks again.
    }
    if (!this.#ended) this.#timer = this.#parts.clock.timer(TICK_MS, () => void this.#tick())
  }

  async #giveBack(): Promise<void> {
    const { image } = this.#parts.replica
    const settledSince = this.#parts.clock.epoch() - this.#delayMs
    const ready = image
      .brokers()
      .filter(({ status, statusSince }) => status === 'ONLINE' && statusSince <= settledSince)
      .map(({ brokerId }) => brokerId)
    const looked = `${image.version}:${ready.join()}`
    if (looked === this.#idle) return
    const partitions = ledByOthers(image, PER_TICK, id => ready.includes(id))
    if (partitions.length === 0) this.#idle = looked
    else
      await this.#parts.proposer.propose(
        { type: 'ElectLeadersCommand', electionType: 'PREFERRED', partitions },
        ownWrite('leader balance'),
      )
  }
}

function ledByOthers(image: Image, max: number, may: (brokerId: number) => boolean): TopicPartitionName[] {
  return image
    .partitionsLedByOthers(max, may)
    .map(({ topic, partition }) => ({ topic: topic.name, partition: partition.id }))
}

function mayLead(image: Image, brokerId: number): boolean {
  return image.isActive(brokerId) && !image.isDraining(brokerId)
}
