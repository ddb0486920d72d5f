import type { Image } from '../../src/metadata/image.ts'
import { countOf } from '../../src/metadata/replication.ts'
import { keyOf, show } from '../invariants/brokers-names.ts'
import { violated } from '../invariants/violation.ts'
import type { BrokerRun } from './run.ts'

/** Streams that are stuck, calls that wait, moves that go through a few at a time. */
const PEACE_MS = 60_000
const LOOK_EVERY_MS = 100
const WRITE_MS = 10_000
const WRITE_AGAIN_MS = 500

/**
 * When all faults are over, everything comes right within bounded time: a controller, all storage nodes ONLINE or DRAINING
 * with the newest metadata, a leader for every partition, full ISRs, no move that waits for nothing, and each partition
 * takes records.
 */
export class BrokerLiveness {
  readonly #run: BrokerRun
  /** Unclean elections were asked for where only people can decide. */
  #gaveUp = false
  #resumes = false

  constructor(run: BrokerRun) {
    this.#run = run
  }

  async play(): Promise<void> {
    const { workload, records, operator, brokerNemesis, nemesis, timeline, trace } = this.#run
    workload.stopped = true
    records.stopped = true
    operator.stop()
    nemesis.stop([])
    brokerNemesis.stop()
    trace.note(0, 'peace', () => 'everything is mended')
    const end = timeline.now + PEACE_MS
    let missing: string | null = ''
    while (missing !== null) {
      await this.#run.advance(timeline.now + LOOK_EVERY_MS)
      missing = this.#missing()
      if (missing !== null && timeline.now > end)
        violated('B7', `not within ${PEACE_MS} ms of peace: ${missing}`)
    }
    await this.#writesEverywhere()
    this.#run.coverage.add('peaceReached')
  }

  /** What is not as it should be; null: all is well. */
  #missing(): string | null {
    const desk = this.#run.world.controller
    if (desk === null) return 'there is no controller'
    const { image } = desk.process.node!.replica
    return (
      this.#pauseMissing(image) ??
      this.#brokersMissing(image) ??
      this.#partitionsMissing(image) ??
      this.#drainsMissing(image)
    )
  }

  #brokersMissing(image: Image): string | null {
    for (const { id, process } of this.#run.world.machines) {
      const broker = image.broker(id)
      if (broker === undefined) return `broker ${id} is not registered`
      if (!image.isActive(id)) return `broker ${id} is ${broker.status}: ${broker.statusReason}`
      if (process === null) return `broker ${id} has no process`
      const { copy } = process
      if (copy.image.version !== image.version)
        return `broker ${id} has version ${copy.image.version}, the newest is ${image.version}`
      if (copy.image.stateHash !== image.stateHash) return `broker ${id} has another image`
    }
    return null
  }

  #partitionsMissing(image: Image): string | null {
    for (const name of image.topicNames)
      for (const partition of image.partitionsOf(image.topic(name)!)) {
        const { leader, isr, replicas, reassignment } = partition
        if (leader === null) return this.#leaderMissing(`${show(image, partition)}: nobody leads`)
        if (reassignment !== null) return `${show(image, partition)}: it moves`
        if (countOf(isr) < replicas.length) return `${show(image, partition)}: the ISR is not full`
      }
    return null
  }

  /** Who paused all moves has to let them go on. */
  #pauseMissing({ cluster }: Image): string | null {
    if (cluster.movesMax !== 0) return null
    if (!this.#resumes) {
      this.#resumes = true
      void this.#run.operator.throttle(null).then(() => {
        this.#resumes = false
      })
    }
    return 'no moves may begin'
  }

  /** Where every replica that held the records was removed by force, an operator has to give them up. */
  #leaderMissing(what: string): string {
    if (this.#run.world.plan.allowsLoss && !this.#gaveUp) {
      this.#gaveUp = true
      void this.#run.operator.ask('POST', '/elections', { type: 'UNCLEAN' }).then(() => {
        this.#gaveUp = false
      })
    }
    return what
  }

  /** Who is drained leads only what nobody else can; who is decommissioned holds nothing, or it is said why. */
  #drainsMissing(image: Image): string | null {
    for (const { brokerId, drain, status } of image.brokers()) {
      if (drain === null) continue
      if (status !== 'DRAINING') return `broker ${brokerId} is drained and ${status}`
      for (const { partition } of image.partitionsWithReplicaOn(brokerId)) {
        const others = partition.replicas.filter(id => !image.isDraining(id))
        if (partition.leader === brokerId && others.length > 0)
          return `${show(image, partition)}: led by a broker that is drained`
        const room = image
          .brokers()
          .some(other => other.drain === null && !partition.replicas.includes(other.brokerId))
        if (drain.mode === 'DECOMMISSION' && room)
          return `${show(image, partition)}: not moved off ${brokerId}`
      }
    }
    return null
  }

  /** Whoever leads by then takes a record for each partition; leadership may still go back to the preferred replica. */
  async #writesEverywhere(): Promise<void> {
    const { records, timeline, operator } = this.#run
    const acknowledged = new Set<string>()
    const end = timeline.now + WRITE_MS
    for (;;) {
      const image = operator.image
      const partitions =
        image === null ? [] : image.topicNames.flatMap(name => image.partitionsOf(image.topic(name)!))
      const lacking = partitions.filter(partition => !acknowledged.has(keyOf(partition)))
      if (image !== null && lacking.length === 0) return
      if (timeline.now > end) violated('B7', `in peace, ${lacking.map(keyOf)} take no records`)
      for (const partition of lacking)
        if (partition.leader !== null)
          void records.produce(keyOf(partition), partition.leader).then(done => {
            if (done) acknowledged.add(keyOf(partition))
          })
      await this.#run.advance(timeline.now + WRITE_AGAIN_MS)
    }
  }
}
