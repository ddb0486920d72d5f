import type { Chance } from '../chance.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Machine } from '../cluster/machine.ts'
import type { Coverage } from '../coverage.ts'
import type { Trace } from '../trace.ts'
import type { FaultKind } from './faults.ts'

export type FaultParts = {
  readonly cluster: Cluster
  readonly chance: Chance
  readonly coverage: Coverage
  readonly trace: Trace
}

const LONG = 8
const LOOPS_MAX = 6

/** Trouble of processes, clocks and drives. */
export class MachineFaults {
  #stopped = false
  readonly #parts: FaultParts

  constructor(parts: FaultParts) {
    this.#parts = parts
  }

  /** False if this kind is none of a machine. */
  strike(kind: FaultKind, machine: Machine, ms: number): boolean {
    const { coverage, trace, cluster } = this.#parts
    const { drive } = machine
    switch (kind) {
      case 'kill':
        this.#kill(machine, ms)
        return true
      case 'powerFailure':
        if (this.#parts.chance.happens(0.5)) this.#losePower(machine, ms)
        else drive.inNextWrite(() => this.#losePower(machine, ms))
        return true
      case 'powerFailureOfAll':
        coverage.add('powerFailuresOfAll')
        for (const one of cluster.inService) this.#losePower(one, ms)
        return true
      case 'crashLoop':
        coverage.add('crashLoops')
        this.#loop(machine, this.#parts.chance.between(2, LOOPS_MAX), ms)
        return true
      case 'longOutage':
        coverage.add('longOutages')
        this.#kill(machine, LONG * ms)
        return true
      case 'gracefulStop':
        this.#stop(machine, ms)
        return true
      case 'transfer':
        this.transfer(machine, this.#parts.chance.pick([null, ...cluster.ids]), ms)
        return true
      case 'strand':
        this.#strand(machine, ms)
        return true
      case 'pause':
        coverage.add('pauses')
        trace.note(machine.id, 'pause', () => `stands still for ${ms.toFixed(0)} ms`)
        cluster.pause(machine, ms)
        return true
      case 'clockDrift':
        this.#drift(machine, ms)
        return true
      case 'clockJump':
        coverage.add('clockJumps')
        machine.clock.jump(this.#parts.chance.between(-3_600_000, 3_600_000))
        return true
      case 'syncError':
      case 'writeError':
        trace.note(machine.id, 'disk', () => `its next ${kind.slice(0, -5)} will fail`)
        drive.strike({ kind: kind === 'syncError' ? 'sync' : 'write', code: 'EIO' })
        return true
      case 'noSpace':
        this.#fill(machine, ms)
        return true
      case 'slowDisk':
        this.#slow(machine, ms)
        return true
      case 'readCorruption':
        this.#corruptRead(machine)
        return true
      case 'rot':
        this.#rot(machine, ms)
        return true
      case 'wipe':
        this.#wipe(machine, ms)
        return true
      default:
        return false
    }
  }

  // Processes.

  #kill(machine: Machine, ms: number): void {
    if (this.#stopped) return
    this.#parts.coverage.add('crashes')
    this.#parts.trace.note(machine.id, 'kill', () => `for ${ms.toFixed(0)} ms`)
    this.#parts.cluster.kill(machine)
    this.startLater(machine, ms)
  }

  #losePower(machine: Machine, ms: number): void {
    const { coverage, trace, cluster } = this.#parts
    if (this.#stopped) return
    const pending = cluster.losePower(machine)
    coverage.add('powerFailures')
    if (pending > 0) coverage.add('powerFailuresMidWrite')
    trace.note(machine.id, 'power', () => `fails for ${ms.toFixed(0)} ms with ${pending} changes pending`)
    this.startLater(machine, ms)
  }

  #loop(machine: Machine, left: number, ms: number): void {
    if (left === 0) return
    const { chance, cluster } = this.#parts
    if (chance.happens(0.5)) this.#kill(machine, ms / 20)
    else this.#losePower(machine, ms / 20)
    cluster.timeline.after(ms / 10 + chance.exponential(ms / 5), () => this.#loop(machine, left - 1, ms))
  }

  #stop(machine: Machine, ms: number): void {
    const { coverage, trace, cluster } = this.#parts
    coverage.add('gracefulStops')
    trace.note(machine.id, 'stop', () => `gracefully, for ${ms.toFixed(0)} ms`)
    cluster.stop(machine, () => this.startLater(machine, ms))
  }

  /** An operator wants another controller; whoever is not one takes no notice. */
  transfer({ process }: Machine, target: number | null, ms: number): void {
    const { coverage, trace } = this.#parts
    if (process?.node?.consensus.leadership.role !== 'LEADER') return
    coverage.add('transfersOrdered')
    trace.note(process.nodeId, 'transfer', () => `to node ${target ?? 'that is furthest'}`)
    process.life.enter('call', () => void process.node?.consensus.transfer(target, ms))
  }

  /** Starts it then, unless somebody keeps it down for longer. */
  startLater(machine: Machine, ms: number): void {
    const { timeline } = this.#parts.cluster
    const at = timeline.now + ms
    machine.downUntil = Math.max(machine.downUntil, at)
    timeline.at(at, () => this.start(machine))
  }

  start(machine: Machine): void {
    const { cluster, trace, coverage } = this.#parts
    if (machine.process !== null || !machine.inService || machine.downUntil > cluster.timeline.now) return
    trace.note(machine.id, 'start', () => `on drive ${machine.drive.uuid}`)
    if (machine.drive.log.lastIndex > 0) coverage.add('recoveries')
    cluster.start(machine)
  }

  /**
   * A leader is left with one slow follower at most, then taken too: what it proposed is still being written on the one
   * when the others overwrite it.
   */
  #strand(machine: Machine, ms: number): void {
    const { chance, cluster, trace } = this.#parts
    const follower = chance.pick(cluster.inService)
    const kept = [machine.id, follower.id]
    trace.note(0, 'strand', () => `node ${machine.id} with node ${follower.id}`)
    follower.drive.slowMs = chance.pick([5, 50, 200])
    const ways = cluster.ids.flatMap(a =>
      cluster.ids.filter(b => kept.includes(a) !== kept.includes(b)).map(b => [a, b] as const),
    )
    for (const [from, to] of ways) cluster.network.links.cut(from, to)
    const held = chance.exponential(ms / 2)
    cluster.timeline.after(held, () => {
      // By now all links are mended, and one that is cut is none of ours.
      if (this.#stopped) return
      this.#kill(machine, ms)
      for (const [from, to] of ways) cluster.network.mend(from, to)
    })
    cluster.timeline.after(held + 2 * ms, () => {
      follower.drive.slowMs = 0
    })
  }

  // Clocks.

  #drift({ id, clock }: Machine, ms: number): void {
    const { coverage, chance, trace, cluster } = this.#parts
    coverage.add('clockDrifts')
    const rate = chance.pick([0.5, 0.8, 1.2, 2])
    trace.note(id, 'clock', () => `runs at ${rate} for ${ms.toFixed(0)} ms`)
    clock.drift(rate)
    cluster.timeline.after(ms, () => clock.drift(1))
  }

  // Drives.

  #fill(machine: Machine, ms: number): void {
    const { trace, cluster, chance } = this.#parts
    const { drive } = machine
    trace.note(machine.id, 'disk', () => `is full for ${ms.toFixed(0)} ms`)
    drive.full = true
    if (chance.happens(0.3)) drive.strike({ kind: 'write', code: 'ENOSPC' })
    cluster.timeline.after(ms, () => {
      drive.full = false
    })
  }

  #slow({ id, drive }: Machine, ms: number): void {
    const { coverage, chance, trace, cluster } = this.#parts
    coverage.add('slowDisks')
    drive.slowMs = chance.pick([5, 50, 300])
    trace.note(id, 'disk', () => `takes ${drive.slowMs} ms more for ${ms.toFixed(0)} ms`)
    cluster.timeline.after(ms, () => {
      drive.slowMs = 0
    })
  }

  /** The next read, or the next one in a turn in which something was proposed. */
  #corruptRead(machine: Machine): void {
    const { chance, trace } = this.#parts
    const { process, drive } = machine
    if (process === null || chance.happens(0.5)) drive.strike({ kind: 'read' })
    else drive.strike({ kind: 'read', when: () => process.hasNewProposals })
    trace.note(machine.id, 'disk', () => 'a read will be wrong by a bit')
  }

  /** A node whose drive has rotted may never come back: so no more than a minority, wiped ones included. */
  #rot(machine: Machine, ms: number): void {
    const { coverage, trace, cluster } = this.#parts
    // Founding needs every configured node; from then on a majority does.
    if (!cluster.isFounded || !this.#canSpare(machine) || !machine.drive.rot()) return
    coverage.add('rottenDisks')
    trace.note(machine.id, 'disk', () => 'loses a bit for good')
    cluster.kill(machine)
    this.startLater(machine, ms)
  }

  /** It comes up on an empty drive, must be refused, and gets the old one back later. */
  #wipe(machine: Machine, ms: number): void {
    const { coverage, trace, cluster } = this.#parts
    if (!this.#canSpare(machine)) return
    coverage.add('wipedDisks')
    const old = machine.drive
    cluster.kill(machine)
    cluster.wipe(machine)
    trace.note(machine.id, 'wipe', () => `${old.uuid} gives way to ${machine.drive.uuid}`)
    this.startLater(machine, ms / 10)
    cluster.timeline.after(ms + cluster.plan.outageMs, () => this.restoreDrive(machine))
  }

  /**
   * No more than a minority runs without the drive that the cluster counts on. While the founding entry is on its founder's
   * drive alone, that drive is the whole cluster, and the others would found another one.
   */
  #canSpare(machine: Machine): boolean {
    const { cluster } = this.#parts
    if (machine.drive.rotten || !this.#isRight(machine)) return false
    if (cluster.recorded === null) return cluster.inService.length >= 3
    return cluster.isFounded && cluster.canSpare([machine])
  }

  #isRight(machine: Machine): boolean {
    return this.#parts.cluster.countedDrive(machine) === machine.drive
  }

  /** The drive that the cluster counts on comes back, whichever that is by now. */
  restoreDrive(machine: Machine): void {
    const { cluster, trace } = this.#parts
    const right = cluster.recorded === null ? machine.drives[0]! : cluster.countedDrive(machine)
    if (right === machine.drive) return
    cluster.kill(machine)
    machine.insert(right)
    trace.note(machine.id, 'restore', () => `drive ${right.uuid} is back`)
    this.startLater(machine, 1)
  }

  // The end.

  mendAll(staysDown: readonly Machine[]): void {
    this.#stopped = true
    const { cluster } = this.#parts
    for (const machine of cluster.machines) {
      machine.clock.drift(1)
      for (const drive of machine.drives) drive.mend()
      this.restoreDrive(machine)
      const broken = staysDown.includes(machine)
      if (broken) cluster.kill(machine)
      machine.downUntil = broken ? Number.POSITIVE_INFINITY : cluster.timeline.now
      this.startLater(machine, 0)
    }
  }
}
