import { decodeEntry } from '../../src/consensus/entry-codec.ts'
import type { SnapshotOptions } from '../../src/consensus/snapshots.ts'
import type { Target } from '../../src/io/network.ts'
import type { RaftOptions } from '../../src/raft/options.ts'
import { configurationOf } from '../../src/raft/voters.ts'
import type { Chance } from '../chance.ts'
import type { Plan } from '../plan.ts'
import { Drive, type DriveObserver } from '../world/drive.ts'
import { Links } from '../world/links.ts'
import type { Timeline } from '../world/timeline.ts'
import { MachineClock } from '../world/virtual-clock.ts'
import { type NetworkObserver, VirtualNetwork } from '../world/virtual-network.ts'
import { Machine } from './machine.ts'
import { MetadataProcess, type ProcessObserver } from './metadata-process.ts'

export type ClusterObserver = NetworkObserver & ProcessObserver & DriveObserver

/** The machines, and what can be done to them. */
export class Cluster {
  readonly plan: Plan
  readonly timeline: Timeline
  readonly network: VirtualNetwork
  readonly machines: readonly Machine[]
  readonly #observer: ClusterObserver
  readonly #chance: Chance
  readonly #newClusterIds: Map<number, string>
  #recorded: ReadonlyMap<number, string> | null = null

  constructor(plan: Plan, timeline: Timeline, chance: Chance, observer: ClusterObserver) {
    this.plan = plan
    this.timeline = timeline
    this.#chance = chance
    this.#observer = observer
    const links = new Links(chance.fork(), plan.latency)
    this.network = new VirtualNetwork(timeline, chance.fork(), links, plan.network, observer)
    this.machines = plan.clocks.map((clock, i) => {
      const drive = this.#newDrive(i + 1)
      return new Machine(i + 1, new MachineClock(timeline, clock), chance.fork(), drive)
    })
    this.#newClusterIds = new Map(this.machines.map(({ id }) => [id, chance.uuid()]))
  }

  get ids(): number[] {
    return this.machines.map(({ id }) => id)
  }

  get majority(): number {
    return Math.floor(this.machines.length / 2) + 1
  }

  machine(id: number): Machine {
    return this.machines[id - 1]!
  }

  /** Processes that run, paused ones included. */
  get processes(): MetadataProcess[] {
    return this.machines.flatMap(({ process }) => (process === null ? [] : [process]))
  }

  // Drives.

  #newDrive(id: number): Drive {
    const { timeline, plan } = this
    return new Drive(`disk-${id}-${this.#chance.uuid()}`, '/data/raft', {
      timeline,
      chance: this.#chance.fork(),
      speed: plan.speed,
      observer: this.#observer,
    })
  }

  /** Which drive the cluster counts on for each voter, once a founding entry says so. */
  recorded(): ReadonlyMap<number, string> | null {
    if (this.#recorded !== null) return this.#recorded
    for (const { drives } of this.machines) {
      for (const { log } of drives) {
        const founding = log.at(1)
        if (founding === undefined) continue
        const { voters } = configurationOf(decodeEntry(1, founding.record))!
        this.#recorded = new Map(voters.map(({ id, uuid }) => [id, uuid]))
        return this.#recorded
      }
    }
    return null
  }

  /** The founding entry is on a majority of the drives: from now on the cluster can do without the others. */
  get isFounded(): boolean {
    const holders = this.machines.filter(machine => this.countedDrive(machine).log.at(1) !== undefined)
    return this.recorded() !== null && holders.length >= this.majority
  }

  /** The drive that counts for this voter: the recorded one, even while another is in the machine. */
  countedDrive(machine: Machine): Drive {
    const uuid = this.recorded()?.get(machine.id)
    return (uuid === undefined ? undefined : machine.driveOf(uuid)) ?? machine.drive
  }

  // Life and death.

  start(machine: Machine): void {
    if (machine.process !== null) return
    const { timeline, network, plan } = this
    machine.process = new MetadataProcess(machine, {
      timeline,
      network,
      lateness: plan.lateness,
      raft: this.#raftOptions(machine),
      segmentBytes: plan.segmentBytes,
      targets: this.#targets(machine),
      observer: this.#observer,
      recordedUuid: () => this.recorded()?.get(machine.id) ?? null,
    })
    machine.process.start()
  }

  #raftOptions(machine: Machine): RaftOptions & SnapshotOptions {
    return {
      ...this.plan.raft,
      id: machine.id,
      uuid: machine.drive.uuid,
      configuredVoters: this.ids,
      newClusterId: this.#newClusterIds.get(machine.id)!,
      random: machine.chance.fork().fraction,
    }
  }

  #targets(machine: Machine): Target[] {
    return this.ids
      .filter(id => id !== machine.id)
      .map(nodeId => ({ nodeId, host: `10.0.0.${nodeId}`, port: 9093 }))
  }

  /** The process is gone at once; the machine and its memory of files live on. */
  kill(machine: Machine): void {
    this.#end(machine, false)
  }

  /** Returns how many changes on disk were pending. */
  losePower(machine: Machine): number {
    this.#end(machine, true)
    return machine.drive.losePower()
  }

  #end(machine: Machine, powerLost: boolean): void {
    const process = machine.process
    if (process === null) return
    machine.process = null
    process.life.end()
    this.network.ended(process, powerLost)
  }

  /** As a service is stopped: it says no more, ends its writes, and goes. */
  stop(machine: Machine, stopped: () => void): void {
    const process = machine.process
    const node = process?.node ?? null
    if (process === null || node === null) {
      this.kill(machine)
      return stopped()
    }
    process.life.enter('call', () => {
      const leave = (): void => {
        process.isStopping = true
        node.stop()
        node.close().then(ended, error => this.#observer.gaveUp(process, error))
      }
      const ended = (): void => {
        if (machine.process !== process) return
        this.kill(machine)
        stopped()
      }
      void node.consensus
        .handOver(2 * this.plan.raft.electionTimeoutMs)
        .then(() => process.life.enter('call', leave))
    })
  }

  pause(machine: Machine, ms: number): void {
    const life = machine.process?.life
    if (life === undefined || life.paused) return
    life.pause()
    this.timeline.after(ms, () => {
      if (!life.alive) return
      for (const run of life.resume(this.timeline.now)) this.timeline.after(0, run)
    })
  }

  /** An empty drive takes the place of the one in use. The process must be down. */
  wipe(machine: Machine): void {
    machine.insert(this.#newDrive(machine.id))
  }
}
