import { decodeEntry } from '../../src/consensus/entry-codec.ts'
import { PROTOCOL } from '../../src/consensus/message-codec.ts'
import type { SnapshotOptions } from '../../src/consensus/snapshots.ts'
import type { Target } from '../../src/io/network.ts'
import type { RaftOptions } from '../../src/raft/options.ts'
import { type Configuration, configurationOf, membersOf } from '../../src/raft/voters.ts'
import type { Chance } from '../chance.ts'
import type { DurableLog } from '../invariants/durable-log.ts'
import { isQuorum } from '../invariants/quorums.ts'
import type { Plan } from '../plan.ts'
import { Drive, type DriveObserver } from '../world/drive.ts'
import { Links } from '../world/links.ts'
import type { Timeline } from '../world/timeline.ts'
import { MachineClock } from '../world/virtual-clock.ts'
import { type NetworkObserver, VirtualNetwork } from '../world/virtual-network.ts'
import { Machine } from './machine.ts'
import { Members } from './members.ts'
import { type DriveStanding, MetadataProcess, type ProcessObserver } from './metadata-process.ts'

export type ClusterObserver = NetworkObserver & ProcessObserver & DriveObserver

/** The machines, and what can be done to them. */
export class Cluster {
  readonly plan: Plan
  readonly timeline: Timeline
  readonly network: VirtualNetwork
  /** The first ones found the cluster; the others may join it. */
  readonly machines: readonly Machine[]
  readonly members: Members
  readonly #observer: ClusterObserver
  readonly #chance: Chance
  readonly #newClusterIds: Map<number, string>
  readonly #drives = new Map<string, Drive>()
  #founding: Configuration | null = null
  #upgrading: boolean

  constructor(plan: Plan, timeline: Timeline, chance: Chance, observer: ClusterObserver) {
    this.plan = plan
    this.#upgrading = plan.mixedReleases
    this.timeline = timeline
    this.#chance = chance
    this.#observer = observer
    const links = new Links(chance.fork(), plan.latency)
    this.network = new VirtualNetwork(timeline, chance.fork(), links, plan.network, observer)
    this.machines = plan.clocks.map((clock, i) => {
      const drive = this.#newDrive(i + 1)
      return new Machine(i + 1, new MachineClock(timeline, clock), chance.fork(), drive)
    })
    for (const machine of this.machines.slice(plan.voters)) machine.inService = false
    this.members = new Members({
      logs: () => this.logs,
      believed: () => this.processes.flatMap(({ node }) => node?.consensus.configuration ?? []),
    })
    this.#newClusterIds = new Map(this.machines.map(({ id }) => [id, chance.uuid()]))
  }

  get ids(): number[] {
    return this.machines.map(({ id }) => id)
  }

  /** Those on which a node is to run. */
  get inService(): Machine[] {
    return this.machines.filter(machine => machine.inService)
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
    const drive = new Drive(`disk-${id}-${this.#chance.uuid()}`, '/data/raft', {
      timeline,
      chance: this.#chance.fork(),
      speed: plan.speed,
      observer: this.#observer,
    })
    this.#drives.set(drive.uuid, drive)
    return drive
  }

  /** Every drive that there ever was, those included that are in no machine now. */
  get drives(): Drive[] {
    return [...this.#drives.values()]
  }

  get logs(): DurableLog[] {
    return this.drives.map(({ log }) => log)
  }

  driveOf(uuid: string): Drive | undefined {
    return this.#drives.get(uuid)
  }

  /** Who is a member as far as anybody can be sure: by the newest commit, or by the founding entry, once it is written. */
  get recorded(): Configuration | null {
    return this.members.committed ?? this.#foundingEntry()
  }

  #foundingEntry(): Configuration | null {
    const holder = this.logs.find(log => log.at(1) !== undefined)
    if (holder !== undefined) this.#founding ??= configurationOf(decodeEntry(1, holder.at(1)!.record))
    return this.#founding
  }

  /** The founding entry is on a majority of the drives: from now on the cluster can do without the others. */
  get isFounded(): boolean {
    if (this.members.committed !== null) return true
    const founding = this.#foundingEntry()
    return founding !== null && isQuorum(founding, ({ uuid }) => this.driveOf(uuid)?.log.at(1) !== undefined)
  }

  /** The drive that counts for this member: the recorded one, even while another is in the machine. */
  countedDrive(machine: Machine): Drive {
    const member = membersOf(this.recorded).find(({ id }) => id === machine.id)
    return (member === undefined ? undefined : this.driveOf(member.uuid)) ?? machine.drive
  }

  /** Every configuration that may be in force, now or later, has a quorum of sound drives in their machines, without these. */
  canSpare(without: readonly Machine[], also: readonly Configuration[] = []): boolean {
    const sound = (id: number, uuid: string): boolean => {
      const machine = this.machine(id)
      return machine.drive.uuid === uuid && !machine.drive.rotten && !without.includes(machine)
    }
    return [...this.members.possible(), ...also].every(configuration =>
      isQuorum(configuration, ({ id, uuid }) => sound(id, uuid)),
    )
  }

  #standing({ drive }: Machine): DriveStanding {
    const { recorded, members } = this
    if (recorded === null) return 'unfounded'
    if (membersOf(recorded).some(({ uuid }) => uuid === drive.uuid)) return 'member'
    return members.knows(drive.uuid) ? 'former' : 'foreign'
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
      newestProtocol: this.#newestProtocol(machine),
      targets: this.#targets(machine),
      observer: this.#observer,
      standing: () => this.#standing(machine),
    })
    machine.process.start()
  }

  /** An upgrade takes a restart, and some are taken back. */
  #newestProtocol(machine: Machine): number {
    return this.#upgrading && machine.chance.happens(0.5) ? PROTOCOL.oldest : PROTOCOL.newest
  }

  /** Every node is brought to the newest release, those that are down when they start. */
  endUpgrade(): void {
    this.#upgrading = false
    for (const { machine, newestProtocol } of this.processes) {
      if (newestProtocol === PROTOCOL.newest) continue
      this.kill(machine)
      this.start(machine)
    }
  }

  #raftOptions(machine: Machine): RaftOptions & SnapshotOptions {
    return {
      ...this.plan.raft,
      id: machine.id,
      uuid: machine.drive.uuid,
      configuredVoters: this.#configured(machine),
      newClusterId: this.#newClusterIds.get(machine.id)!,
      random: machine.chance.fork().fraction,
    }
  }

  #targets(machine: Machine): Target[] {
    return this.#configured(machine)
      .filter(id => id !== machine.id)
      .map(nodeId => ({ nodeId, ...addressOf(nodeId) }))
  }

  /** What the operator writes into the configuration file: the members as of now, and the node itself. */
  #configured({ id }: Machine): number[] {
    const members = membersOf(this.recorded).map(member => member.id)
    const known = members.length === 0 ? this.ids.slice(0, this.plan.voters) : members
    return [...new Set([...known, id])].sort((a, b) => a - b)
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
    this.#observer.ended(process)
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
    machine.process?.life.pause(ms, this.timeline)
  }

  /** An empty drive takes the place of the one in use. The process must be down. */
  wipe(machine: Machine): void {
    machine.insert(this.#newDrive(machine.id))
  }
}

export function addressOf(id: number): { host: string; port: number } {
  return { host: `10.0.0.${id}`, port: 9093 }
}
