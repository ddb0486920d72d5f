import { BrokerLifecycle, type Heartbeat } from '../../../src/controller/broker-lifecycle.ts'
import type { ControllerEvents } from '../../../src/controller/events.ts'
import { MoveThrottle } from '../../../src/controller/move-throttle.ts'
import { type Intent, Proposer, type Write } from '../../../src/controller/proposer.ts'
import { Replica } from '../../../src/controller/replica.ts'
import type { HttpAnswer } from '../../../src/io/http-client.ts'
import type { Broker } from '../../../src/metadata/broker.ts'
import type { PartitionView } from '../../../src/metadata/render.ts'
import { renderTopic } from '../../../src/metadata/render.ts'
import { FakeClock, settle } from '../consensus/fake-clock.ts'

export const WRITE: Write = { timeoutMs: 1_000 }
export const SESSION_MS = 6_000

/** What answers at a broker's address: a process, by its incarnation; nobody, so that the connection is refused; or silence. */
type Found = string | 'refused' | 'silent'

/** A controller without a cluster: what is proposed is applied at once. Time passes when a test says so. */
export class Stage {
  readonly clock = new FakeClock()
  readonly replica = new Replica(this.clock)
  /** Commands in the order of the log. */
  readonly log: string[] = []
  readonly told: string[] = []
  /** Brokers, as often as their heartbeats began to be late. */
  readonly late: number[] = []
  readonly found = new Map<number, Found>()
  /** What brokers have acknowledged of what was pushed. */
  readonly pushed = new Map<number, number>()
  readonly proposer: Proposer
  readonly brokers: BrokerLifecycle
  readonly resourcesOf = (broker: Broker) => this.brokers.reports.resourcesOf(broker)
  throttle: MoveThrottle
  #index = 0
  #earlier: { readonly before: string; readonly intent: Intent } | null = null

  constructor(before: (stage: Stage) => void = () => {}) {
    const propose = (type: string, data: Uint8Array) => {
      if (type === this.#earlier?.before) this.#comeFirst(this.#earlier.intent)
      this.#index += 1
      this.log.push(type)
      const result = this.replica.apply(this.#index, type, data)
      return Promise.resolve({ index: this.#index, result })
    }
    const consensus = { propose } as unknown as ConstructorParameters<typeof Proposer>[0]['consensus']
    this.proposer = new Proposer({ consensus, replica: this.replica, clock: this.clock })
    this.throttle = new MoveThrottle(50, this)
    before(this)
    const events = { manyLost: () => this.told.push('manyLost') } as unknown as ControllerEvents
    const { clock, replica, proposer } = this
    const pushedVersion = (brokerId: number): number => this.pushed.get(brokerId) ?? 0
    this.brokers = new BrokerLifecycle(SESSION_MS, {
      clock,
      replica,
      proposer,
      events,
      http: this.#http(),
      pushedVersion,
      becameLate: brokerId => this.late.push(brokerId),
    })
  }

  /** Somebody else's command is in the log just before the next one of that type. */
  beforeNext(type: string, intent: Intent): void {
    this.#earlier = { before: type, intent }
  }

  #comeFirst(intent: Intent): void {
    this.#earlier = null
    void this.proposer.propose(intent)
  }

  /** At most so many partitions are moved at a time. */
  throttledTo(movesMax: number): this {
    this.throttle = new MoveThrottle(movesMax, this)
    return this
  }

  #http() {
    return {
      send: ({ url }: { url: string }): Promise<HttpAnswer> => {
        const found = this.found.get(Number(new URL(url).port) - 9_000) ?? 'silent'
        if (found === 'refused')
          return Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))
        if (found === 'silent') return Promise.reject(new Error('timed out'))
        return Promise.resolve({ status: 200, headers: {}, body: { incarnationId: found } })
      },
    }
  }

  /** Registers a process; it is OFFLINE until its first heartbeat. */
  async register(brokerId: number, incarnationId: string | null, previousEpoch: number | null = null) {
    const registration = {
      brokerId,
      host: 'localhost',
      port: 9_000 + brokerId,
      rack: null,
      resources: {},
      listeners: [],
      incarnationId,
      pairedMetadataServiceId: null,
    }
    return this.brokers.register(registration, previousEpoch, WRITE)
  }

  /** Processes that run, and are ONLINE. */
  async withBrokers(...brokerIds: number[]): Promise<this> {
    for (const brokerId of brokerIds) {
      await this.register(brokerId, `process ${brokerId}`)
      this.found.set(brokerId, `process ${brokerId}`)
    }
    for (const brokerId of brokerIds) await this.beat(brokerId)
    return this
  }

  async withTopic(
    topicName: string,
    assignments: number[][],
    config: Record<string, string> = {},
  ): Promise<this> {
    const topicId = `id of ${topicName}`
    await this.proposer.propose({ type: 'CreateTopicCommand', topicName, topicId, assignments, config })
    return this
  }

  epoch(brokerId: number): number {
    return this.replica.image.broker(brokerId)!.brokerEpoch
  }

  /** A heartbeat of a broker that has all the metadata there is. */
  beat(brokerId: number, changed: Partial<Heartbeat> = {}) {
    const metadataVersion = this.replica.image.version
    return this.brokers.heartbeat(brokerId, {
      brokerEpoch: this.epoch(brokerId),
      metadataVersion,
      ...changed,
    })
  }

  status(brokerId: number): string {
    return this.replica.image.broker(brokerId)!.status
  }

  partition(topicName: string, id = 0): PartitionView {
    const { image } = this.replica
    return renderTopic(image, image.topic(topicName)!).partitions[id]!
  }

  /** What the leader of the partition proposes, so that these are its ISR. */
  isrIs(topic: string, members: readonly number[], id = 0): Intent {
    const { leader, leaderEpoch, partitionEpoch } = this.partition(topic, id)
    const newIsr = members.map(brokerId => ({ brokerId, brokerEpoch: this.epoch(brokerId) }))
    const change = { topic, partition: id, leaderEpoch, partitionEpoch, newIsr }
    const brokerEpoch = this.epoch(leader!)
    return { type: 'UpdateISRCommand', brokerId: leader!, brokerEpoch, changes: [change] }
  }

  /** `ms` pass, with a heartbeat of each of these brokers every second. */
  async pass(ms: number, ...beating: number[]): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      for (const brokerId of beating) await this.beat(brokerId)
      await this.clock.pass(Math.min(left, 1_000))
    }
    await settle()
  }
}
