import { Chance } from '../../../simulator/chance.ts'
import { registrationOf } from '../../../src/metadata/broker.ts'
import type { Command } from '../../../src/metadata/command.ts'
import { FEATURES } from '../../../src/metadata/features.ts'
import type { Image } from '../../../src/metadata/image.ts'
import type { Partition } from '../../../src/metadata/partition-table.ts'
import { isWaiting } from '../../../src/metadata/reassignment.ts'

const NEWEST = FEATURES['metadata.version'].max
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
 * there: brokers crash, stop, drain, restart with and without proof of a clean stop, move, are removed and come back; topics
 * come, change, go and get other replicas. Some commands are stale, malformed or ask for the impossible, and some carry a time that runs back.
 */
export class History {
  readonly #chance: Chance
  readonly #draws: readonly [number, Draw][]
  #clock = 1_000_000
  #serial = 0

  constructor(seed: number) {
    this.#chance = new Chance(seed)
    this.#draws = [
      [0.18, image => this.#updateStatus(image)],
      [0.27, image => this.#register(image)],
      [0.295, image => this.#unregister(image)],
      [0.34, image => this.#drain(image)],
      [0.56, image => this.#updateISR(image)],
      [0.6, image => this.#reportRemovals(image)],
      [0.75, image => this.#alterReplicas(image)],
      [0.8, image => this.#electLeaders(image)],
      [0.895, image => this.#createTopic(image)],
      [0.905, image => this.#deleteTopic(image)],
      [0.955, image => this.#updateConfig(image)],
      [0.985, image => this.#changeCluster(image)],
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
    const stranger = known.length === 0 || this.#chance.happens(0.05)
    return stranger ? this.#chance.pick(BROKER_IDS) : this.#chance.pick(known).brokerId
  }

  #newcomer(image: Image): number | null {
    const unknown = BROKER_IDS.filter(brokerId => image.broker(brokerId) === undefined)
    return unknown.length > 0 && this.#chance.happens(0.7) ? this.#chance.pick(unknown) : null
  }

  #register(image: Image): Command {
    const brokerId = this.#newcomer(image) ?? this.#brokerId(image)
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
    const away = image.brokers().filter(({ brokerId }) => !image.isActive(brokerId))
    const returns = away.length > 0 && this.#chance.happens(0.5)
    const brokerId = returns ? this.#chance.pick(away).brokerId : this.#brokerId(image)
    const epoch = image.broker(brokerId)?.brokerEpoch ?? 1
    return {
      type: 'UpdateBrokerStatusCommand',
      time: this.#time(),
      brokerId,
      brokerEpoch: this.#chance.happens(0.1) ? epoch - 1 : epoch,
      status: this.#chance.happens(returns ? 0.95 : 0.3)
        ? 'ONLINE'
        : this.#chance.pick(['OFFLINE', 'OFFLINE', 'SHUTTING_DOWN']),
      reason: 'chance',
    }
  }

  #drain(image: Image): Command {
    const awaited = image
      .reassignments()
      .flatMap(({ partition }) => (isWaiting(partition) ? partition.reassignment!.target : []))
    const among = awaited.length > 0 && this.#chance.happens(0.5)
    return {
      type: 'DrainBrokerCommand',
      time: this.#time(),
      brokerId: among ? this.#chance.pick(awaited) : this.#brokerId(image),
      mode: among ? 'DECOMMISSION' : this.#chance.pick(['DRAIN', 'DECOMMISSION', null, null]),
    }
  }

  #changeCluster(image: Image): Command {
    const time = this.#time()
    if (this.#chance.happens(image.cluster.features['metadata.version'] !== NEWEST ? 0.6 : 0.3))
      return {
        type: 'UpdateFeaturesCommand',
        time,
        levels: { 'metadata.version': this.#chance.pick([1, 2, 2, 3, NEWEST]) },
      }
    if (this.#chance.happens(0.6))
      return { type: 'ThrottleMovesCommand', time, movesMax: this.#chance.pick([null, null, 0, 2]) }
    return { type: 'RebalanceCommand', time, wanted: this.#chance.happens(0.5) }
  }

  #unregister(image: Image): Command {
    const away = image.brokers().filter(({ status }) => status === 'OFFLINE')
    const brokerId = this.#chance.happens(0.6) ? (away.at(-1)?.brokerId ?? 0) : this.#brokerId(image)
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
    const moving = led.filter(({ reassignment }) => reassignment !== null)
    const among = moving.length > 0 && this.#chance.happens(0.5) ? moving : led
    const one = this.#chance.pick(among.length > 0 ? among : [null])
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
    const caughtUp = this.#chance.pick([0.2, 0.6, 0.6, 1])
    const members = replicas.filter(
      brokerId => brokerId === leader || this.#chance.happens(image.isActive(brokerId) ? caughtUp : 0.03),
    )
    return {
      topic: this.#chance.happens(0.03) ? 'nosuch' : image.topicById(topicId)!.name,
      ...this.#topicId(topicId),
      partition: id,
      leaderEpoch: leaderEpoch + this.#off(),
      partitionEpoch: partitionEpoch + this.#off(),
      newIsr: members.map(brokerId => ({
        brokerId,
        brokerEpoch: (image.broker(brokerId)?.brokerEpoch ?? 1) - (this.#chance.happens(0.03) ? 1 : 0),
      })),
    }
  }

  /** Nodes of this release send it; now and then it is of a topic that is no more. */
  #topicId(topicId: string): { readonly topicId?: string } {
    if (this.#chance.happens(0.8)) return {}
    return { topicId: this.#chance.happens(0.1) ? 'a topic that was deleted' : topicId }
  }

  /** Somebody has seen followers fall behind; sometimes it is late, or wrong. */
  #reportRemovals(image: Image): Command {
    const brokerId = this.#brokerId(image)
    const chosen = [this.#partition(image), this.#partition(image)].filter(partition => partition !== null)
    return {
      type: 'UpdateISRCommand',
      time: this.#time(),
      brokerId,
      brokerEpoch: image.broker(brokerId)?.brokerEpoch ?? 1,
      changes: chosen.map(({ topicId, id, replicas, leaderEpoch }) => ({
        topic: image.topicById(topicId)!.name,
        partition: id,
        removed: this.#chance.pick(replicas),
        ...(this.#chance.happens(0.5) ? {} : { leaderEpoch: leaderEpoch + this.#off() }),
      })),
    }
  }

  /** Moves begin or wait, change their aim, are repeated and are cancelled. */
  #alterReplicas(image: Image): Command {
    const moving = image.reassignments().map(({ partition }) => partition)
    const waiting = moving.filter(isWaiting)
    if (waiting.length > 0 && this.#chance.happens(0.3))
      return this.#itsTurn(image, this.#chance.pick(waiting))
    const among = (): Partition | null =>
      moving.length > 0 && this.#chance.happens(0.35) ? this.#chance.pick(moving) : this.#partition(image)
    const chosen = [among(), ...(this.#chance.happens(0.3) ? [among()] : [])]
    return {
      type: 'AlterReplicasCommand',
      time: this.#time(),
      cause: this.#chance.pick(['MANUAL', 'MANUAL', 'DECOMMISSION', 'REBALANCE', 'RECOVERY']),
      ...(this.#chance.happens(0.5) ? {} : { movesMax: this.#chance.between(0, 3) }),
      changes: chosen
        .filter(partition => partition !== null)
        .map(partition => ({
          topic: this.#chance.happens(0.03) ? 'nosuch' : image.topicById(partition.topicId)!.name,
          ...this.#topicId(partition.topicId),
          partition: partition.id,
          ...(this.#chance.happens(0.8) ? {} : { partitionEpoch: partition.partitionEpoch + this.#off() }),
          replicas: this.#aim(image, partition),
        })),
    }
  }

  #itsTurn(image: Image, { topicId, id, reassignment, partitionEpoch }: Partition): Command {
    const { name: topic } = image.topicById(topicId)!
    const { target: replicas } = reassignment!
    const changes = [{ topic, topicId, partition: id, partitionEpoch, replicas }]
    const movesMax = this.#chance.between(0, 3)
    return {
      type: 'AlterReplicasCommand',
      time: this.#time(),
      cause: 'MANUAL',
      changes,
      movesMax,
      inTurn: true,
    }
  }

  /** Other brokers, those of now in another order, some of them only, those that it moves to already; null: no move. */
  #aim(image: Image, { replicas, reassignment }: Partition): readonly number[] | null {
    const draw = this.#chance.fraction()
    if (draw < (reassignment === null ? 0.03 : 0.35)) return null
    if (draw < 0.4) return reassignment?.target ?? replicas
    if (draw < 0.5) return [...replicas].reverse()
    if (draw < 0.6) return replicas.slice(this.#chance.between(0, 1))
    return this.#replicas(image, this.#chance.pick([1, 2, 2, 3, 3, 4]))
  }

  #electLeaders(image: Image): Command {
    const partitions = image.topicNames.flatMap(name => image.partitionsOf(image.topic(name)!))
    const lost = partitions.filter(({ leader }) => leader === null)
    const among = lost.length > 0 && this.#chance.happens(0.5) ? lost : partitions
    const chosen = among.length === 0 ? [] : [this.#chance.pick(among), this.#chance.pick(among)]
    return {
      type: 'ElectLeadersCommand',
      time: this.#time(),
      electionType: this.#chance.happens(0.6) ? 'PREFERRED' : 'UNCLEAN',
      partitions: chosen.map(({ topicId, id }) => ({
        topic: image.topicById(topicId)!.name,
        partition: this.#chance.happens(0.05) ? 99 : id,
      })),
    }
  }

  #partition(image: Image): Partition | null {
    const partitions = image.topicNames.flatMap(name => image.partitionsOf(image.topic(name)!))
    return partitions.length === 0 ? null : this.#chance.pick(partitions)
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

  /** Where nobody leads it can bring a leader. */
  #updateConfig(image: Image): Command {
    const lost = image.topicNames.filter(name =>
      image.partitionsOf(image.topic(name)!).some(({ leader }) => leader === null),
    )
    const among = lost.length > 0 && this.#chance.happens(0.5)
    return {
      type: 'UpdateTopicConfigCommand',
      time: this.#time(),
      topicName: among ? this.#chance.pick(lost) : this.#topicName(image),
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
