import { Chance } from '../../../simulator/chance.ts'
import { registrationOf } from '../../../src/metadata/broker.ts'
import type { Command } from '../../../src/metadata/command.ts'
import type { Image } from '../../../src/metadata/image.ts'
import type { Partition } from '../../../src/metadata/partition-table.ts'

const BROKER_IDS = [0, 1, 2, 3, 7]
const TOPIC_NAMES = ['orders', 'a.b', 'a_b', 'logs', 'x', 'no such topic!', 'y']
const CONFIG_VALUES: readonly [string, string | null][] = [
  ['min.insync.replicas', '1'],
  ['min.insync.replicas', '2'],
  ['min.insync.replicas', '3'],
  ['min.insync.replicas', null],
  ['unclean.leader.election.enable', 'true'],
  ['unclean.leader.election.enable', 'false'],
  ['retention.ms', '1000'],
  ['cleanup.policy', 'delete, compact'],
  ['retention.ms', 'soon'],
  ['no.such.key', '1'],
]

type Draw = (image: Image) => Command

/**
 * A random history of commands, the same for the same seed. It looks at the image, so that most commands mean something
 * there: brokers crash, restart with and without proof of a clean stop, move, are removed and come back; topics come,
 * change and go. Some commands are stale, malformed or ask for the impossible, and some carry a time that runs back.
 */
export class History {
  readonly #chance: Chance
  readonly #draws: readonly [number, Draw][]
  #clock = 1_000_000
  #serial = 0

  constructor(seed: number) {
    this.#chance = new Chance(seed)
    this.#draws = [
      [0.3, image => this.#updateStatus(image)],
      [0.42, image => this.#register(image)],
      [0.45, image => this.#unregister(image)],
      [0.7, image => this.#updateISR(image)],
      [0.8, image => this.#createTopic(image)],
      [0.82, image => this.#deleteTopic(image)],
      [0.94, image => this.#updateConfig(image)],
      [1, image => this.#createPartitions(image)],
    ]
  }

  next(image: Image): Command {
    const draw = this.#chance.fraction()
    return this.#draws.find(([upTo]) => draw < upTo)![1](image)
  }

  #time(): number {
    this.#clock += this.#chance.between(-40, 100)
    return this.#clock
  }

  #brokerId(image: Image): number {
    const known = image.brokers()
    const stranger = known.length < 3 || this.#chance.happens(0.1)
    return stranger ? this.#chance.pick(BROKER_IDS) : this.#chance.pick(known).brokerId
  }

  #register(image: Image): Command {
    const brokerId = this.#brokerId(image)
    const before = image.broker(brokerId)
    const repeats = before !== undefined && this.#chance.happens(0.3)
    const incarnationId = this.#chance.happens(0.7) ? `process ${++this.#serial}` : null
    const amends = !repeats || this.#chance.happens(0.3)
    return {
      type: 'RegisterBrokerCommand',
      time: this.#time(),
      brokerId,
      host: 'localhost',
      port: repeats ? before.port : 9000 + this.#chance.between(0, 3),
      rack: this.#chance.pick([null, 'a', 'b']),
      resources: this.#chance.happens(0.5) ? {} : { disk: this.#chance.between(1, 3), cpu: 0.5 },
      listeners: this.#chance.happens(0.7) ? [] : [{ name: 'PLAIN', host: 'localhost', port: 9092 }],
      incarnationId: repeats ? before.incarnationId : incarnationId,
      pairedMetadataServiceId: this.#chance.pick([null, 1]),
      ...(amends ? {} : registrationOf(before)),
      previousBrokerEpoch: before !== undefined && this.#chance.happens(0.6) ? before.brokerEpoch : null,
    }
  }

  #updateStatus(image: Image): Command {
    const brokerId = this.#brokerId(image)
    const epoch = image.broker(brokerId)?.brokerEpoch ?? 1
    return {
      type: 'UpdateBrokerStatusCommand',
      time: this.#time(),
      brokerId,
      brokerEpoch: this.#chance.happens(0.1) ? epoch - 1 : epoch,
      status: this.#chance.happens(0.65) ? 'ONLINE' : 'OFFLINE',
      reason: 'chance',
    }
  }

  #unregister(image: Image): Command {
    const brokerId = this.#brokerId(image)
    return {
      type: 'UnregisterBrokerCommand',
      time: this.#time(),
      brokerId,
      force: this.#chance.happens(0.7),
    }
  }

  /** Some leader sets the ISRs of two partitions; mostly it leads them, knows their epochs, and names live brokers. */
  #updateISR(image: Image): Command {
    const partitions = image.topicNames.flatMap(name => image.partitionsOf(image.topic(name)!))
    const led = partitions.filter(({ leader }) => leader !== null)
    const one = this.#chance.pick(led.length > 0 ? led : [null])
    const brokerId = one?.leader ?? this.#brokerId(image)
    const others = partitions.filter(({ leader }) => leader === brokerId || this.#chance.happens(0.05))
    const chosen = [one, this.#chance.pick([...others, null])].filter(partition => partition !== null)
    return {
      type: 'UpdateISRCommand',
      time: this.#time(),
      brokerId,
      brokerEpoch: (image.broker(brokerId)?.brokerEpoch ?? 1) - (this.#chance.happens(0.05) ? 1 : 0),
      changes: chosen.map(partition => this.#isrChange(image, partition)),
    }
  }

  #isrChange(image: Image, { topicId, id, leaderEpoch, partitionEpoch, replicas, leader }: Partition) {
    const members = replicas.filter(
      brokerId => brokerId === leader || this.#chance.happens(image.isActive(brokerId) ? 0.6 : 0.05),
    )
    return {
      topic: this.#chance.happens(0.03) ? 'nosuch' : image.topicById(topicId)!.name,
      partition: id,
      leaderEpoch: leaderEpoch + this.#off(),
      partitionEpoch: partitionEpoch + this.#off(),
      newIsr: members.map(brokerId => ({
        brokerId,
        brokerEpoch: (image.broker(brokerId)?.brokerEpoch ?? 1) - (this.#chance.happens(0.03) ? 1 : 0),
      })),
    }
  }

  #off(): number {
    return this.#chance.happens(0.06) ? this.#chance.pick([-1, 1]) : 0
  }

  #createTopic(image: Image): Command {
    this.#serial += 1
    return {
      type: 'CreateTopicCommand',
      time: this.#time(),
      topicName: this.#chance.pick(TOPIC_NAMES),
      topicId: this.#chance.happens(0.05) ? this.#takenTopicId(image) : `topic ${this.#serial}`,
      assignments: this.#assignments(image, this.#chance.between(1, 4)),
      config: this.#config(false) as Record<string, string>,
    }
  }

  #takenTopicId(image: Image): string {
    return image.topic(image.topicNames[0] ?? '')?.id ?? `topic ${this.#serial}`
  }

  #createPartitions(image: Image): Command {
    const topicName = this.#topicName(image)
    const topic = image.topic(topicName)
    return {
      type: 'CreatePartitionsCommand',
      time: this.#time(),
      topicName,
      from: (topic?.rows.length ?? 1) - (this.#chance.happens(0.1) ? 1 : 0),
      assignments: this.#assignments(image, topic?.replicationFactor ?? 1),
    }
  }

  #deleteTopic(image: Image): Command {
    return { type: 'DeleteTopicCommand', time: this.#time(), topicName: this.#topicName(image) }
  }

  #updateConfig(image: Image): Command {
    return {
      type: 'UpdateTopicConfigCommand',
      time: this.#time(),
      topicName: this.#topicName(image),
      config: this.#config(true),
    }
  }

  #topicName(image: Image): string {
    const stranger = image.topicNames.length === 0 || this.#chance.happens(0.1)
    return this.#chance.pick(stranger ? TOPIC_NAMES : image.topicNames)
  }

  #config(mayUnset: boolean): Record<string, string | null> {
    const values = CONFIG_VALUES.filter(([, value]) => mayUnset || value !== null)
    const count = this.#chance.between(0, 2)
    return Object.fromEntries(Array.from({ length: count }, () => this.#chance.pick(values)))
  }

  #assignments(image: Image, replicationFactor: number): number[][] {
    const partitions = this.#chance.between(1, 3)
    return Array.from({ length: partitions }, () => this.#replicas(image, replicationFactor))
  }

  #replicas(image: Image, replicationFactor: number): number[] {
    if (this.#chance.happens(0.02)) return [0, 0]
    if (this.#chance.happens(0.02)) return [99]
    const left = image.brokers().map(({ brokerId }) => brokerId)
    const replicas: number[] = []
    while (left.length > 0 && replicas.length < replicationFactor)
      replicas.push(...left.splice(this.#chance.between(0, left.length - 1), 1))
    return replicas
  }
}
