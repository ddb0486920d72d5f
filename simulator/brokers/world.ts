import type { BrokerEvents } from '../../src/broker/events.ts'
import type { ControllerEvents } from '../../src/controller/events.ts'
import { ClusterKey } from '../../src/io/cluster-key.ts'
import type { Chance } from '../chance.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { MetadataProcess } from '../cluster/metadata-process.ts'
import { MachineClock } from '../world/virtual-clock.ts'
import { BrokerMachine } from './broker-machine.ts'
import { BrokerProcess } from './broker-process.ts'
import { ControllerDesk } from './controller-desk.ts'
import type { ReplicaObserver } from './partition-replica.ts'
import type { BrokerPlan } from './plan.ts'
import { type Request, type Site, Wire } from './wire.ts'

export type WorldObserver = {
  readonly replicas: ReplicaObserver
  readonly brokers: (brokerId: number) => BrokerEvents
  readonly controller: ControllerEvents
  /** A metadata node is asked something. */
  asked(from: number, to: number, request: Request): void
  started(process: BrokerProcess): void
  copied(brokerId: number, version: number, hash: string): void
  /** Something in `src/` answered that it has a bug. */
  bug(error: unknown): void
}

/** The storage nodes beside the metadata nodes of a cluster, and what joins the two. */
export class BrokerWorld {
  readonly cluster: Cluster
  readonly plan: BrokerPlan
  readonly machines: readonly BrokerMachine[]
  readonly wire: Wire
  readonly #observer: WorldObserver
  readonly #key = new ClusterKey('the cluster key of the simulator')
  readonly #desks = new Map<MetadataProcess, ControllerDesk>()
  lossPercent = 0

  constructor(cluster: Cluster, plan: BrokerPlan, chance: Chance, observer: WorldObserver) {
    this.cluster = cluster
    this.plan = plan
    this.#observer = observer
    this.machines = plan.brokers.map(({ id, rack }) => {
      const clock = { skewMs: chance.between(0, 100_000), rate: 1, granularityMs: chance.pick([0, 0, 1]) }
      return new BrokerMachine(id, rack, new MachineClock(cluster.timeline, clock), chance.fork())
    })
    const { timeline, network } = cluster
    this.wire = new Wire({
      timeline,
      links: network.links,
      chance: chance.fork(),
      site: nodeId => this.#site(nodeId),
      isPowered: nodeId =>
        this.machines.find(({ id }) => id === nodeId)?.powered ?? network.isPowered(nodeId),
      lossPercent: () => this.lossPercent,
    })
  }

  machine(id: number): BrokerMachine {
    return this.machines.find(machine => machine.id === id)!
  }

  #site(nodeId: number): Site | null {
    const machine = this.machines.find(({ id }) => id === nodeId)
    if (machine !== undefined) return machine.process
    const process = this.cluster.machine(nodeId).process
    return process === null ? null : (this.#desks.get(process) ?? null)
  }

  // Metadata nodes.

  opened(process: MetadataProcess): void {
    const { wire, plan } = this
    const { controller: events, asked, bug } = this.#observer
    this.#desks.set(
      process,
      new ControllerDesk(process, { wire, plan, key: this.#key, events, asked, onBug: bug }),
    )
    process.life.onEnd(() => void this.#desks.delete(process))
  }

  desk(process: MetadataProcess): ControllerDesk | undefined {
    return this.#desks.get(process)
  }

  /** The desk of the controller that is at work, if one is. */
  get controller(): ControllerDesk | null {
    let newest: ControllerDesk | null = null
    for (const desk of this.#desks.values()) {
      const reign = desk.controller.reignOrNull
      if (reign !== null && reign.term > (newest?.controller.reignOrNull?.term ?? -1)) newest = desk
    }
    return newest
  }

  // Storage nodes.

  start(machine: BrokerMachine): void {
    if (machine.process !== null) return
    machine.powered = true
    const { replicas: observer, brokers, copied, bug: onBug } = this.#observer
    const process = new BrokerProcess(machine, {
      timeline: this.cluster.timeline,
      wire: this.wire,
      plan: this.plan,
      lateness: this.cluster.plan.lateness,
      key: this.#key,
      metadataIds: this.cluster.ids,
      events: brokers(machine.id),
      observer,
      copied,
      onBug,
    })
    machine.process = process
    this.#observer.started(process)
    process.start()
  }

  /** The process is gone at once; its machine, and what it wrote, live on. */
  kill(machine: BrokerMachine): void {
    const { process } = machine
    if (process === null) return
    machine.process = null
    process.life.end()
    for (const replica of process.replicas.all)
      if (replica.isLeader) this.#observer.replicas.leadsNoMore(replica)
  }

  /** Returns how many records are lost with it. */
  losePower(machine: BrokerMachine): number {
    machine.powered = false
    this.kill(machine)
    return machine.losePower()
  }

  stop(machine: BrokerMachine, stopped: () => void): void {
    const { process } = machine
    if (process === null || process.isStopping || !process.listens) return
    process.stop(() => {
      if (machine.process !== process) return
      this.kill(machine)
      stopped()
    })
  }

  pause({ process }: BrokerMachine, ms: number): void {
    process?.life.pause(ms, this.cluster.timeline)
  }
}
