import type { Image } from '../../src/metadata/image.ts'
import type { Chance } from '../chance.ts'
import { keyOf } from '../invariants/brokers-names.ts'
import type { RecordInvariants } from '../invariants/brokers-records.ts'
import { ProcessLife } from '../world/process-life.ts'
import { PRODUCE_PATH } from './broker-process.ts'
import type { BrokerCoverage } from './coverage.ts'
import type { Answer, Caller, Request } from './wire.ts'
import type { BrokerWorld } from './world.ts'

/** Nobody's machine, with cables that nobody cuts. */
const CLIENT = 1_000
const TIMEOUT_MS = 3_000

export type WorkloadParts = {
  readonly world: BrokerWorld
  readonly chance: Chance
  readonly records: RecordInvariants
  readonly coverage: BrokerCoverage
}

/** Producers with acks=all: each writes values that nobody else writes, to whom it believes to lead. */
export class BrokerWorkload implements Caller {
  readonly nodeId = CLIENT
  readonly life = new ProcessLife()
  stopped = false
  readonly #parts: WorkloadParts
  #values = 0

  constructor(parts: WorkloadParts) {
    this.#parts = parts
  }

  start(): void {
    const { world, chance } = this.#parts
    for (let i = 0; i < world.plan.producers; i++) this.#produceLater(chance.fork())
  }

  #produceLater(chance: Chance): void {
    const { timeline } = this.#parts.world.cluster
    timeline.after(chance.exponential(this.#parts.world.plan.thinkMs), () => {
      if (this.stopped) return
      const partition = this.#somePartition(chance)
      if (partition === null) return this.#produceLater(chance)
      void this.produce(partition.key, partition.leader).then(() => this.#produceLater(chance))
    })
  }

  /** What some node believes, however old that is. */
  #somePartition(chance: Chance): { key: string; leader: number } | null {
    const image = this.#someImage(chance)
    if (image === null || image.topicNames.length === 0) return null
    const topic = image.topic(chance.pick(image.topicNames))!
    const partition = image.partition(chance.pick(topic.rows))
    return partition.leader === null ? null : { key: keyOf(partition), leader: partition.leader }
  }

  #someImage(chance: Chance): Image | null {
    const { machines, cluster } = this.#parts.world
    const { process } = chance.pick(machines)
    if (process !== null && chance.happens(0.7)) return process.copy.image
    return chance.pick(cluster.machines).process?.node?.replica.image ?? null
  }

  /** Resolves with whether it was acknowledged. */
  async produce(key: string, leader: number): Promise<boolean> {
    const { records, coverage } = this.#parts
    const value = ++this.#values
    const answer = await this.ask(
      leader,
      { method: 'POST', path: PRODUCE_PATH, body: { key, value } },
      TIMEOUT_MS,
    )
    if (answer?.status !== 200) {
      coverage.add(answer === null ? 'recordsUnknown' : 'recordsRefused')
      return false
    }
    const { offset, epoch } = answer.body as { offset: number; epoch: number }
    coverage.add('recordsAcknowledged')
    records.acknowledged(key, offset, epoch, value)
    return true
  }

  /** Null: no answer came. */
  ask(nodeId: number, request: Request, timeoutMs: number): Promise<Answer | null> {
    return this.#parts.world.wire.call(this, nodeId, request, timeoutMs).catch(() => null)
  }
}
