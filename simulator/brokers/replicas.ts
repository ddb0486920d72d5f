import type { ControllerSession } from '../../src/broker/controller-session.ts'
import type { IsrReporter } from '../../src/broker/isr-reporter.ts'
import type { Clock } from '../../src/io/clock.ts'
import type { Image } from '../../src/metadata/image.ts'
import { keyOf } from '../invariants/brokers-names.ts'
import { PartitionLog } from './partition-log.ts'
import {
  type FetchAnswer,
  type FetchRequest,
  PartitionReplica,
  type Proposal,
  type ReplicaObserver,
} from './partition-replica.ts'

export type ReplicasParts = {
  readonly brokerId: number
  /** Outlive the process. */
  readonly logs: Map<string, PartitionLog>
  readonly clock: Clock
  readonly observer: ReplicaObserver
  /** Of the registration of this process; null: it has none. */
  readonly brokerEpoch: () => number | null
  readonly image: () => Image
  /** Asks another broker for records. */
  readonly fetch: (leader: number, body: FetchBody) => Promise<readonly FetchAnswer[]>
  readonly fetchMs: number
  readonly fetchRecordsMax: number
  readonly lagMs: number
}

export type FetchBody = {
  readonly brokerId: number
  readonly brokerEpoch: number
  readonly requests: readonly FetchRequest[]
}

const ALTER_TIMEOUT_MS = 3_000
/** Between two requests that change ISRs: what is refused is not asked for again at once. */
const ALTER_PAUSE_MS = 100
/** With little to tell, soon again. */
const MORE_MS = 2

/** All replicas of one broker: follows its copy of the metadata, fetches as follower, and keeps ISRs as leader. */
export class Replicas implements Pick<IsrReporter, 'report' | 'expand'> {
  readonly #parts: ReplicasParts
  readonly #replicas = new Map<string, PartitionReplica>()
  readonly #fetching = new Set<number>()
  #session: ControllerSession | null = null
  #url: string | null = null
  #altering = false
  #alteredAt = Number.NEGATIVE_INFINITY
  #stopped = false
  /** Of the registration that the replicas have been told of. */
  #knownEpoch: number | null = null

  constructor(parts: ReplicasParts) {
    this.#parts = parts
  }

  use(session: ControllerSession): this {
    this.#session = session
    return this
  }

  start(): void {
    this.#tick()
  }

  /** Nothing is taken, fetched or proposed any more. */
  stop(): void {
    this.#stopped = true
    for (const replica of this.#replicas.values()) replica.resign()
  }

  get all(): Iterable<PartitionReplica> {
    return this.#replicas.values()
  }

  of(key: string): PartitionReplica | undefined {
    return this.#replicas.get(key)
  }

  /** This very process is registered, by its own copy: what is older says nothing about it. */
  #serves(image: Image): boolean {
    const { brokerId, brokerEpoch } = this.#parts
    const epoch = brokerEpoch()
    return !this.#stopped && epoch !== null && image.broker(brokerId)?.brokerEpoch === epoch
  }

  /** The copy has changed. */
  changed(): void {
    const image = this.#parts.image()
    const serves = this.#serves(image)
    this.#knownEpoch = this.#parts.brokerEpoch()
    const { brokerId, logs, observer, clock } = this.#parts
    const now = clock.monotonic()
    const rows = image.rowsWithReplicaOn(brokerId)
    const assigned = new Set(rows.map(row => keyOf(image.partition(row))))
    // Who does not serve yet may have an old copy, and deletes nothing on its word.
    if (serves) for (const key of logs.keys()) if (!assigned.has(key)) this.#drop(key)
    for (const row of rows) {
      const partition = image.partition(row)
      const key = keyOf(partition)
      let replica = this.#replicas.get(key)
      if (replica === undefined) {
        const log = logs.get(key) ?? new PartitionLog()
        logs.set(key, log)
        replica = new PartitionReplica(brokerId, partition, log, observer)
        this.#replicas.set(key, replica)
      }
      replica.follow(partition, image, serves, now)
    }
  }

  #drop(key: string): void {
    this.#replicas.get(key)?.resign()
    this.#replicas.delete(key)
    this.#parts.logs.delete(key)
  }

  #tick(): void {
    if (this.#stopped) return
    const image = this.#parts.image()
    // The copy may have had the registration before this process knew of it.
    if (this.#knownEpoch !== this.#parts.brokerEpoch()) this.changed()
    if (this.#serves(image)) {
      const leaders = new Set<number>()
      for (const { partition, isLeader } of this.#replicas.values())
        if (!isLeader && partition.leader !== null) leaders.add(partition.leader)
      for (const leader of leaders) if (leader !== this.#parts.brokerId) void this.#fetchFrom(leader)
      void this.#alter(image)
    }
    this.#parts.clock.timer(this.#parts.fetchMs, () => this.#tick())
  }

  async #fetchFrom(leader: number): Promise<void> {
    const { brokerId, brokerEpoch, fetch, clock } = this.#parts
    const epoch = brokerEpoch()
    if (this.#fetching.has(leader) || this.#stopped || epoch === null) return
    const followed = [...this.#replicas.values()].filter(
      replica => !replica.isLeader && replica.partition.leader === leader,
    )
    if (followed.length === 0) return
    this.#fetching.add(leader)
    const requests = followed.map(replica => replica.request())
    try {
      const answers = await fetch(leader, { brokerId, brokerEpoch: epoch, requests })
      const more = this.#stopped
        ? []
        : followed.filter((replica, i) => replica.took(requests[i]!, answers[i]!))
      if (more.length > 0) clock.timer(MORE_MS, () => void this.#fetchFrom(leader))
    } catch {
      // It is asked again with the next tick, as long as the metadata says that it leads.
    } finally {
      this.#fetching.delete(leader)
    }
  }

  /** A follower asks this broker. */
  fetched({ brokerId: id, brokerEpoch, requests }: FetchBody): FetchAnswer[] {
    const { fetchRecordsMax, clock } = this.#parts
    return requests.map(request => {
      const replica = this.#stopped ? undefined : this.#replicas.get(request.key)
      return (
        replica?.fetch(request, { id, brokerEpoch }, fetchRecordsMax, clock.monotonic()) ?? {
          kind: 'refused',
          why: 'notLeader',
        }
      )
    })
  }

  // ISRs.

  /** The storage node tells when, and where the controller is. */
  async report(image: Image, { url }: { readonly url: string }): Promise<void> {
    this.#url = url
    await this.#alter(image)
  }

  /** Leaders see by themselves who has caught up. */
  async expand(): Promise<void> {}

  async #alter(image: Image): Promise<void> {
    const { brokerId, brokerEpoch, lagMs, clock } = this.#parts
    const epoch = brokerEpoch()
    if (this.#altering || this.#stopped || this.#url === null || epoch === null || !this.#serves(image))
      return
    const now = clock.monotonic()
    if (now - this.#alteredAt < ALTER_PAUSE_MS) return
    const proposed = [...this.#replicas.values()].flatMap(replica => {
      // It may not have been dropped yet: what went while this process did not serve goes with its next look.
      if (image.topicById(replica.partition.topicId) === undefined) return []
      const proposal = replica.isrToPropose(image, epoch, lagMs, now)
      return proposal === null ? [] : [{ replica, proposal }]
    })
    if (proposed.length === 0) return
    this.#altering = true
    this.#alteredAt = now
    const changes = proposed.map(({ replica, proposal }) => changeOf(image, replica, proposal))
    const body = { brokerId, brokerEpoch: epoch, changes }
    const request = {
      name: 'alterPartitions',
      path: '/api/v1/metadata/partitions/alter',
      body,
      timeoutMs: ALTER_TIMEOUT_MS,
    }
    try {
      // What becomes of it the copy of the metadata tells; until then the proposal counts.
      await this.#session!.post(this.#url, request)
    } catch {
      // The same is proposed again.
    } finally {
      this.#altering = false
    }
  }
}

function changeOf(
  image: Image,
  { partition }: PartitionReplica,
  { leaderEpoch, partitionEpoch, members }: Proposal,
) {
  const topic = image.topicById(partition.topicId)!.name
  return { topic, partition: partition.id, leaderEpoch, partitionEpoch, newIsr: members }
}
