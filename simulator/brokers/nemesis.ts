import type { TopicPartition } from '../../src/metadata/image.ts'
import type { Partition } from '../../src/metadata/partition-table.ts'
import { originalReplicas } from '../../src/metadata/reassignment.ts'
import type { Chance } from '../chance.ts'
import { Cuts, type Way } from '../nemesis/cuts.ts'
import type { Trace } from '../trace.ts'
import type { BrokerMachine } from './broker-machine.ts'
import type { BrokerCoverage } from './coverage.ts'
import type { BrokerFaultKind } from './fault-kinds.ts'
import type { Operator } from './operator.ts'
import type { BrokerWorld } from './world.ts'

export type BrokerNemesisParts = {
  readonly world: BrokerWorld
  readonly chance: Chance
  readonly coverage: BrokerCoverage
  readonly trace: Trace
  /** All replicas are in sync, and all brokers there. */
  readonly allInSync: () => boolean
  /** An operator does so. */
  readonly moves: Pick<Operator, 'beginMove' | 'cancelMove' | 'throttle'>
  /** The controller of the moment dies too. */
  readonly strikeController: (ms: number) => void
}

/** Whoever meets them cannot prove afterwards that it has lost nothing. */
const LOSING: readonly BrokerFaultKind[] = [
  'kill',
  'flicker',
  'powerFailure',
  'rackOutage',
  'lostDisk',
  'controllerToo',
]
/** Their moment comes later, when others may have lost something already. */
const LOSING_LATER: readonly BrokerFaultKind[] = ['overtakeProposal', 'strikeMove']

const FLICKER_MS_MAX = 80
const MOMENT_WAIT_MS = 2_000
const MOMENT_LOOK_MS = 2

/** Breaks storage nodes and their cables, and mends them a while later. */
export class BrokerNemesis {
  readonly #parts: BrokerNemesisParts
  #stopped = false
  readonly #cuts = new Cuts()

  constructor(parts: BrokerNemesisParts) {
    this.#parts = parts
  }

  /** All storage nodes at about the same time. */
  boot(): void {
    for (const machine of this.#parts.world.machines)
      this.#startLater(machine, this.#parts.chance.between(0, 100))
  }

  start(): void {
    const { world, chance } = this.#parts
    const { faults, faultEveryMs, outageMs, lossPercent } = world.plan
    world.lossPercent = lossPercent
    world.cluster.timeline.after(chance.exponential(faultEveryMs), () => {
      if (this.#stopped) return
      this.#strike(chance.pick(faults), chance.pick(world.machines), chance.exponential(outageMs))
      this.start()
    })
  }

  #strike(kind: BrokerFaultKind, machine: BrokerMachine, ms: number): void {
    const { world, coverage, trace, chance } = this.#parts
    if (LOSING.includes(kind) && world.plan.careful && !this.#parts.allInSync()) return
    if (LOSING_LATER.includes(kind) && world.plan.careful) return
    trace.note(machine.id, 'strike', () => `${kind} for ${ms.toFixed(0)} ms`)
    switch (kind) {
      case 'kill':
        return this.#kill(machine, ms)
      case 'flicker':
        // Back before anybody has drawn conclusions, or just then.
        if (chance.happens(0.5)) this.#delayCommits()
        return this.#kill(machine, chance.between(1, FLICKER_MS_MAX))
      case 'powerFailure':
        return this.#losePower([machine], ms)
      case 'rackOutage':
        coverage.add('rackOutages')
        return this.#losePower(world.plan.careful ? [machine] : this.#rackOf(machine), ms)
      case 'pause':
        coverage.add('brokerPauses')
        return world.pause(machine, ms)
      case 'cleanStop':
        return world.stop(machine, () => {
          trace.note(machine.id, 'stopped', () => 'cleanly')
          this.#startLater(machine, ms)
        })
      case 'stopTwice':
        return this.#stopTwice(machine, ms)
      case 'lostDisk':
        return this.#loseDisk(machine, ms)
      case 'cutFromController':
        return this.#cut(this.#between([machine.id], [world.controller?.nodeId ?? 1]), ms)
      case 'cutFromMetadata':
        return this.#cut(this.#between([machine.id], world.cluster.ids), ms)
      case 'cutFromBrokers':
        return this.#cut(this.#between([machine.id], this.#others(machine)), ms)
      case 'cutOneWay':
        return this.#cut(this.#oneWay(machine), ms)
      case 'slow':
        return this.#slow(machine, ms)
      case 'controllerToo':
        coverage.add('controllerAndBrokerLost')
        this.#kill(machine, ms)
        world.cluster.timeline.after(chance.exponential(300), () => {
          if (!this.#stopped) this.#parts.strikeController(ms)
        })
        return
      case 'strandProposer':
        return this.#strandProposer(machine, ms)
      case 'overtakeProposal':
        return this.#overtakeProposal(machine, ms)
      case 'strikeMove':
        return this.#strikeMove(ms)
    }
  }

  // Processes.

  #rackOf({ rack }: BrokerMachine): BrokerMachine[] {
    return this.#parts.world.machines.filter(machine => machine.rack === rack)
  }

  #kill(machine: BrokerMachine, ms: number): void {
    if (machine.process === null) return
    this.#parts.coverage.add('brokerKills')
    this.#parts.world.kill(machine)
    this.#startLater(machine, ms)
  }

  /** It is started again, and stopped again, while it cannot reach a controller, or cannot hear what one answers. */
  #stopTwice(machine: BrokerMachine, ms: number): void {
    const { world, coverage, chance } = this.#parts
    const { timeline, ids } = world.cluster
    const answersOnly = ids.map((id): Way => [id, machine.id])
    world.stop(machine, () => {
      this.#cut(chance.happens(0.8) ? answersOnly : this.#between([machine.id], ids), ms)
      this.#startLater(machine, ms * 0.2)
      timeline.after(ms * (0.2 + 0.6 * chance.fraction()), () => {
        if (this.#stopped || machine.process === null) return
        coverage.add('stoppedTwice')
        world.stop(machine, () => this.#startLater(machine, ms))
      })
    })
  }

  /** What a broker asks for, and what is decided about it, take so long that they meet. */
  #delayCommits(): void {
    const { world, coverage, chance } = this.#parts
    const { cluster } = world
    coverage.add('commitsDelayed')
    const ms = chance.pick([10, 30, 60])
    const drives = cluster.machines.map(({ drive }) => drive).filter(({ slowMs }) => slowMs === 0)
    for (const drive of drives) drive.slowMs = ms
    cluster.timeline.after(8 * ms, () => {
      for (const drive of drives) drive.slowMs = 0
    })
  }

  #losePower(machines: readonly BrokerMachine[], ms: number): void {
    const { world, coverage, trace } = this.#parts
    for (const machine of machines) {
      const lost = world.losePower(machine)
      coverage.add('brokerPowerFailures')
      coverage.add('recordsLostWithPower', lost)
      trace.note(machine.id, 'power', () => `fails, ${lost} records are lost with it`)
      this.#startLater(machine, ms)
    }
  }

  #loseDisk(machine: BrokerMachine, ms: number): void {
    const { world, coverage } = this.#parts
    coverage.add('brokerDisksLost')
    world.losePower(machine)
    machine.loseDisk()
    this.#startLater(machine, ms)
  }

  #startLater(machine: BrokerMachine, ms: number): void {
    const { timeline } = this.#parts.world.cluster
    machine.downUntil = Math.max(machine.downUntil, timeline.now + ms)
    timeline.at(timeline.now + ms, () => this.#boot(machine))
  }

  #boot(machine: BrokerMachine): void {
    const { world, trace } = this.#parts
    if (machine.process !== null || machine.downUntil > world.cluster.timeline.now) return
    trace.note(machine.id, 'start', () => `with ${machine.logs.size} logs`)
    world.start(machine)
  }

  // Cables.

  #others({ id }: BrokerMachine): number[] {
    return this.#parts.world.machines.filter(machine => machine.id !== id).map(machine => machine.id)
  }

  #between(some: readonly number[], others: readonly number[]): Way[] {
    return some.flatMap(a =>
      others.flatMap((b): Way[] => [
        [a, b],
        [b, a],
      ]),
    )
  }

  #oneWay(machine: BrokerMachine): Way[] {
    const { chance, world } = this.#parts
    const others = chance.pick([this.#others(machine), world.cluster.ids])
    return chance.happens(0.5)
      ? others.map((id): Way => [machine.id, id])
      : others.map((id): Way => [id, machine.id])
  }

  #cut(ways: readonly Way[], ms: number): void {
    const { world, coverage } = this.#parts
    coverage.add('brokerCuts')
    for (const [from, to] of ways) world.wire.links.cut(from, to)
    this.#cuts.add(ways)
    world.cluster.timeline.after(ms, () => this.#mend(ways))
  }

  #mend(ways: readonly Way[]): void {
    for (const way of this.#cuts.remove(ways) ?? []) this.#parts.world.wire.links.mend(...way)
  }

  /**
   * A leader that has just proposed an ISR hears nothing any more, neither the answer nor what the metadata says of it. In
   * the end it dies, and those who were taken in without its knowledge may lead.
   */
  #strandProposer(machine: BrokerMachine, ms: number): void {
    const { world, coverage, chance } = this.#parts
    const { timeline } = world.cluster
    this.#delayCommits()
    this.#whenProposing(machine, () => {
      coverage.add('proposersStranded')
      this.#cut(
        world.cluster.ids.map((id): Way => [id, machine.id]),
        ms,
      )
      if (chance.happens(0.5) && !world.plan.careful) timeline.after(ms, () => this.#kill(machine, ms))
    })
  }

  /** What a leader proposes is slow, and a member of it loses power, starts and registers in less time. */
  #overtakeProposal(machine: BrokerMachine, ms: number): void {
    const { world, coverage, chance } = this.#parts
    this.#slow(machine, ms)
    this.#whenProposing(machine, members => {
      const others = world.machines.filter(({ id }) => id !== machine.id && members.includes(id))
      if (others.length === 0) return
      coverage.add('proposalsOvertaken')
      this.#losePower([chance.pick(others)], chance.between(1, FLICKER_MS_MAX))
    })
  }

  /** `members`: those of one of the ISRs that it proposes. */
  #whenProposing(machine: BrokerMachine, then: (members: readonly number[]) => void): void {
    this.#when(() => {
      const proposed = [...(machine.process?.replicas.all ?? [])].find(({ proposal }) => proposal !== null)
      if (proposed !== undefined) then(proposed.proposal!.members.map(({ brokerId }) => brokerId))
      return proposed !== undefined
    })
  }

  /** Tries until it has struck, or its moment does not come. */
  #when(struck: () => boolean): void {
    const { timeline } = this.#parts.world.cluster
    const patience = timeline.now + MOMENT_WAIT_MS
    const look = (): void => {
      if (this.#stopped || timeline.now > patience || struck()) return
      timeline.after(MOMENT_LOOK_MS, look)
    }
    look()
  }

  /** Of a move one of whose new replicas is in sync, those that were there before are lost; then it is cancelled. */
  #strikeMove(ms: number): void {
    const { world, coverage, moves: operator } = this.#parts
    void operator.throttle(null).then(() => operator.beginMove())
    this.#when(() => {
      const found = this.#moves().find(({ partition }) => newInSync(partition) !== 0)
      if (found === undefined) return false
      coverage.add('movesStruck')
      const before = originalReplicas(found.partition)
      for (const machine of world.machines.filter(({ id }) => before.includes(id))) this.#kill(machine, ms)
      this.#cancelWhenLost(found)
      return true
    })
  }

  /** Only those that were added are in sync by then. */
  #cancelWhenLost({ topic, partition: { id } }: TopicPartition): void {
    this.#when(() => {
      const move = this.#moves().find(
        ({ topic: { name }, partition }) => name === topic.name && partition.id === id,
      )
      const isLost = move !== undefined && move.partition.isr === newInSync(move.partition)
      if (isLost) void this.#parts.moves.cancelMove(topic.name, id)
      return isLost
    })
  }

  #moves(): readonly TopicPartition[] {
    return this.#parts.world.controller?.process.node?.replica.image.reassignments() ?? []
  }

  #slow({ id }: BrokerMachine, ms: number): void {
    const { world, coverage, chance } = this.#parts
    coverage.add('brokersSlowed')
    const meanMs = chance.pick([20, 100, 400])
    this.#setSlow(id, meanMs)
    world.cluster.timeline.after(ms, () => this.#setSlow(id, 0))
  }

  #setSlow(id: number, ms: number): void {
    const { machines, cluster, wire } = this.#parts.world
    for (const other of [...machines.map(machine => machine.id), ...cluster.ids]) {
      wire.links.slow(id, other, ms)
      wire.links.slow(other, id, ms)
    }
  }

  /** Everything is mended, and every storage node runs. */
  stop(): void {
    this.#stopped = true
    const { world } = this.#parts
    world.lossPercent = 0
    for (const cut of this.#cuts.all) this.#mend(cut)
    for (const machine of world.machines) {
      this.#setSlow(machine.id, 0)
      machine.downUntil = world.cluster.timeline.now
      this.#boot(machine)
    }
  }
}

function newInSync({ isr, reassignment }: Partition): number {
  return isr & reassignment!.adding
}
