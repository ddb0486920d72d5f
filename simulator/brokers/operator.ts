import type { Image } from '../../src/metadata/image.ts'
import type { Chance } from '../chance.ts'
import { metadataUrl, nodeAt } from './addresses.ts'
import type { BrokerCoverage } from './coverage.ts'
import type { Answer } from './wire.ts'
import type { BrokerWorkload } from './workload.ts'
import type { BrokerWorld } from './world.ts'

const TIMEOUT_MS = 5_000
const PARTITIONS_MAX = 12
const TOPICS_MAX = 4

export type OperatorParts = {
  readonly world: BrokerWorld
  readonly chance: Chance
  readonly workload: BrokerWorkload
  readonly coverage: BrokerCoverage
}

/** People who ask the controller for things, over REST, whatever state the cluster is in. */
export class Operator {
  readonly #parts: OperatorParts
  #topics = 0
  #stopped = false

  constructor(parts: OperatorParts) {
    this.#parts = parts
  }

  start(): void {
    void this.createTopic()
    this.#later()
  }

  stop(): void {
    this.#stopped = true
  }

  #later(): void {
    const { world, chance } = this.#parts
    world.cluster.timeline.after(chance.exponential(world.plan.adminEveryMs), () => {
      if (this.#stopped) return
      void this.#act().then(() => this.#later())
    })
  }

  async #act(): Promise<unknown> {
    const { chance, world } = this.#parts
    const image = this.image
    if (image === null) return
    const acts = [
      () => this.createTopic(),
      () => this.#addPartitions(image),
      () => this.#move(image),
      () => this.#move(image),
      () => this.#moveTopic(image),
      () => this.#cancel(image),
      () => this.#cancel(image),
      () => this.#throttle(),
      () => this.#preferred(),
      () => this.#drain(image, 'drain'),
      () => this.#drain(image, 'decommission'),
      () => this.#undrain(image),
      () => this.#undrain(image),
      () => this.#unregister(image),
      () => this.#report(image),
      () => this.ask('POST', '/rebalance', {}),
      () => this.#deleteTopic(image),
    ]
    const losing = [() => this.#unclean(), () => this.#forceOut(image), () => this.#allowUnclean(image)]
    return chance.pick(world.plan.allowsLoss ? [...acts, ...losing, ...losing] : acts)()
  }

  /** The newest metadata that there is. */
  get image(): Image | null {
    return this.#parts.world.controller?.process.node?.replica.image ?? null
  }

  /** At the controller, if one is known. */
  ask(method: string, path: string, body?: object): Promise<Answer | null> {
    const { world, workload } = this.#parts
    const controller = world.controller
    if (controller === null) return Promise.resolve(null)
    const { nodeId, path: full } = nodeAt(`${metadataUrl(controller.nodeId)}/api/v1/metadata${path}`)
    const text = body === undefined ? {} : { body: JSON.stringify(body) }
    return workload.ask(nodeId, { method, path: full, ...text }, TIMEOUT_MS)
  }

  // Topics.

  async createTopic(): Promise<void> {
    const { chance, world } = this.#parts
    if ((this.image?.topicCount ?? 0) >= TOPICS_MAX) return
    const replicationFactor = Math.min(world.machines.length, chance.pick([2, 3, 3]))
    const config = {
      'min.insync.replicas': String(Math.min(replicationFactor, world.plan.minIsr)),
      ...(world.plan.allowsLoss && chance.happens(0.3) ? { 'unclean.leader.election.enable': 'true' } : {}),
    }
    const numPartitions = chance.between(1, 4)
    const topicName = `t${++this.#topics}`
    await this.ask('POST', '/topics', { topicName, numPartitions, replicationFactor, config })
  }

  async #addPartitions(image: Image): Promise<void> {
    const name = this.#someTopic(image)
    if (name === null || image.partitionCount >= PARTITIONS_MAX) return
    await this.ask('POST', `/topics/${name}/partitions`, {
      numPartitions: image.topic(name)!.rows.length + 1,
    })
  }

  async #deleteTopic(image: Image): Promise<void> {
    const name = this.#someTopic(image)
    if (name !== null && image.topicCount > 1) await this.ask('DELETE', `/topics/${name}`)
  }

  async #allowUnclean(image: Image): Promise<void> {
    const name = this.#someTopic(image)
    const value = this.#parts.chance.pick(['true', 'false'])
    if (name !== null)
      await this.ask('PATCH', `/topics/${name}`, { config: { 'unclean.leader.election.enable': value } })
  }

  #someTopic(image: Image): string | null {
    return image.topicNames.length === 0 ? null : this.#parts.chance.pick(image.topicNames)
  }

  // Replicas.

  /** Moves some partition, if there is a controller. */
  async beginMove(): Promise<void> {
    const { image } = this
    if (image !== null) await this.#move(image)
  }

  async #move(image: Image): Promise<void> {
    const { chance, world } = this.#parts
    const name = this.#someTopic(image)
    if (name === null) return
    const topic = image.topic(name)!
    const partition = chance.between(0, topic.rows.length - 1)
    const { replicas } = image.partition(topic.rows[partition]!)
    const known = image.brokers().map(({ brokerId }) => brokerId)
    const count = Math.min(
      known.length,
      chance.pick([replicas.length, replicas.length, world.plan.careful ? 2 : 1, 2, 3]),
    )
    await this.ask('POST', '/reassignments', [
      { topic: name, partition, replicas: chance.shuffled(known).slice(0, count) },
    ])
  }

  /** All partitions of a topic get other replicas, or one more of them, with one request. */
  async #moveTopic(image: Image): Promise<void> {
    const { chance } = this.#parts
    const name = this.#someTopic(image)
    if (name === null) return
    const known = image.brokers().map(({ brokerId }) => brokerId)
    const moves = image.topic(name)!.rows.map((row, partition) => {
      const count = Math.min(known.length, image.partition(row).replicas.length)
      return { topic: name, partition, replicas: chance.shuffled(known).slice(0, count) }
    })
    await this.ask('POST', '/reassignments', moves)
  }

  async #throttle(): Promise<void> {
    await this.throttle(this.#parts.chance.pick([0, 1, 2, null]))
  }

  /** Null: as controllers are configured. */
  async throttle(movesMax: number | null): Promise<void> {
    await this.ask('PATCH', '/reassignments/throttle', { movesMax })
  }

  async #cancel(image: Image): Promise<void> {
    const moving = image.reassignments()
    if (moving.length === 0) return
    const { topic, partition } = this.#parts.chance.pick(moving)
    await this.cancelMove(topic.name, partition.id)
  }

  async cancelMove(topic: string, partition: number): Promise<void> {
    await this.ask('DELETE', `/reassignments/${topic}/${partition}`)
  }

  async #preferred(): Promise<void> {
    await this.ask('POST', '/elections', { type: 'PREFERRED' })
  }

  async #unclean(): Promise<void> {
    await this.ask('POST', '/elections', { type: 'UNCLEAN' })
  }

  /** Somebody believes that a replica lags. That it leaves the ISR is always safe. */
  async #report(image: Image): Promise<void> {
    const { chance } = this.#parts
    const name = this.#someTopic(image)
    const speakers = image.brokers()
    if (name === null || speakers.length === 0) return
    const { brokerId: nodeId, brokerEpoch } = chance.pick(speakers)
    const partition = image.partition(chance.pick(image.topic(name)!.rows))
    const update = { topic: name, partition: partition.id, updateType: 'LAG_THRESHOLD_BREACHED' }
    await this.ask('POST', '/isr-status-batch', {
      nodeId,
      brokerEpoch,
      metadataVersion: image.version,
      isrUpdates: [{ ...update, brokerId: chance.pick(partition.replicas), timestamp: image.time }],
    })
  }

  // Brokers.

  async #drain(image: Image, how: 'drain' | 'decommission'): Promise<void> {
    const { chance } = this.#parts
    const known = image.brokers()
    // Some must stay that take what the others give away.
    if (known.filter(({ drain }) => drain !== null).length * 2 >= known.length - 1) return
    await this.ask('POST', `/brokers/${chance.pick(known).brokerId}/${how}`)
  }

  async #undrain(image: Image): Promise<void> {
    const drained = image.brokers().filter(({ drain }) => drain !== null)
    if (drained.length > 0)
      await this.ask('DELETE', `/brokers/${this.#parts.chance.pick(drained).brokerId}/drain`)
  }

  /** A broker that holds nothing goes for good; should its process still run, it registers anew. */
  async #unregister(image: Image): Promise<void> {
    const { chance, coverage } = this.#parts
    const empty = image.brokers().filter(({ brokerId }) => image.rowsWithReplicaOn(brokerId).length === 0)
    if (empty.length === 0) return
    const answer = await this.ask('DELETE', `/brokers/${chance.pick(empty).brokerId}`)
    if (answer?.status === 204) coverage.add('brokersUnregistered')
  }

  async #forceOut(image: Image): Promise<void> {
    const { chance, coverage } = this.#parts
    const away = image.brokers().filter(({ status }) => status === 'OFFLINE')
    if (away.length === 0) return
    const answer = await this.ask('DELETE', `/brokers/${chance.pick(away).brokerId}?force=true`)
    if (answer?.status === 204) coverage.add('brokersForcedOut')
  }
}
