import { DmqError } from '../../src/base/errors.ts'
import type { MemberChange } from '../../src/raft/io.ts'
import { type Configuration, membersOf } from '../../src/raft/voters.ts'
import { addressOf } from '../cluster/cluster.ts'
import type { Machine } from '../cluster/machine.ts'
import type { MetadataProcess } from '../cluster/metadata-process.ts'
import type { FaultParts, MachineFaults } from './machine-faults.ts'
import { drawWish, isFulfilled, type Wish } from './wish.ts'

/** Of a configuration that is not in the log yet. */
const LATER = Number.MAX_SAFE_INTEGER

/**
 * Somebody who adds, removes and replaces metadata nodes while everything else goes on, one step after the other, as
 * `dmq quorum` does: start the node, add it as learner, make it a voter in place of another one, stop who has left. Like a
 * careful one, it leaves no quorum without sound drives, and wipes no drive that anybody may still count on.
 */
export class Operator {
  readonly #parts: FaultParts
  readonly #machines: MachineFaults
  readonly #leader: () => Machine | null
  #wish: Wish | null = null
  #asking = false
  #attending = false
  #stopped = false
  /** Drives of nodes that left, and of which it is decided what becomes of them. */
  readonly #retired = new Set<string>()
  /** What the return of a node means, until it is a member again. */
  readonly #returning = new Map<string, 'cameBackWiped' | 'cameBackOnOldDrive'>()

  constructor(parts: FaultParts, machines: MachineFaults, leader: () => Machine | null) {
    this.#parts = parts
    this.#machines = machines
    this.#leader = leader
  }

  /** Wants other members, unless the last wish is still being fulfilled. */
  wish(): void {
    const { cluster, chance, trace } = this.#parts
    const members = cluster.members.committed
    if (members === null || (this.#wish !== null && chance.happens(0.8))) return
    const wish = drawWish(cluster, chance, members, this.#leader()?.id ?? null)
    this.#wish = wish
    trace.note(
      0,
      'operator',
      () => `wants voters ${wish.voters.join(', ')}, anew ${[...wish.renewed].join(', ') || 'none'}`,
    )
    if (!this.#attending) this.#attend()
    this.#attending = true
  }

  stop(): void {
    this.#stopped = true
  }

  #attend(): void {
    const { cluster, chance } = this.#parts
    cluster.timeline.after(chance.exponential(cluster.plan.raft.electionTimeoutMs / 2), () => {
      if (this.#stopped) return
      this.#retire()
      this.#takeStep()
      this.#attend()
    })
  }

  #takeStep(): void {
    const { chance } = this.#parts
    const process = this.#leader()?.process
    const node = process?.node
    if (this.#wish === null || this.#asking || process == null || node == null) return
    const { configuration } = node.consensus
    if (configuration === null) return
    // An impatient one asks for more before the last change is through.
    if (node.consensus.status().configuration!.changing && chance.happens(0.8)) return
    if (isFulfilled(this.#wish, configuration)) {
      this.#wish = null
      return
    }
    const change = this.#nextChange(this.#wish, configuration)
    if (change !== null) this.#ask(process, change, configuration)
  }

  // What to do next.

  #nextChange({ voters: wanted, renewed }: Wish, { voters, learners }: Configuration): MemberChange | null {
    const { cluster } = this.#parts
    const ids = voters.map(({ id }) => id)
    const lost = learners.find(({ id, uuid }) => cluster.machine(id).drive.uuid !== uuid)
    const idle = lost ?? learners.find(({ id }) => !wanted.includes(id))
    if (idle !== undefined) return { kind: 'removeLearner', id: idle.id }
    const absent = wanted.filter(id => !ids.includes(id) && !learners.some(learner => learner.id === id))
    for (const id of absent) {
      const machine = this.#prepared(cluster.machine(id), renewed)
      if (machine !== null)
        return { kind: 'addLearner', learner: { id, uuid: machine.drive.uuid, ...addressOf(id) } }
    }
    return this.#exchange(
      learners.map(({ id }) => id),
      ids.filter(id => !wanted.includes(id) || renewed.has(id)),
    )
  }

  /** Everybody at once, or one after the other. */
  #exchange(add: readonly number[], remove: readonly number[]): MemberChange | null {
    const { chance } = this.#parts
    if (add.length + remove.length === 0) return null
    if (chance.happens(0.8) || add.length === 0) return { kind: 'voters', add, remove }
    return { kind: 'voters', add: [chance.pick(add)], remove: [] }
  }

  /** A machine that may join: on the drive that it has, or on an empty one if nobody can count on the old one. */
  #prepared(machine: Machine, renewed: Set<number>): Machine | null {
    const { cluster, chance, trace } = this.#parts
    if (!this.#isNamed(machine) && !this.#returning.has(machine.drive.uuid)) {
      const wasMember = cluster.members.knows(machine.drive.uuid)
      const wipes = wasMember && (renewed.has(machine.id) || machine.drive.rotten || chance.happens(0.4))
      if (wipes) {
        cluster.kill(machine)
        cluster.wipe(machine)
        trace.note(machine.id, 'operator', () => `puts in the empty drive ${machine.drive.uuid}`)
      }
      if (wasMember) this.#returning.set(machine.drive.uuid, wipes ? 'cameBackWiped' : 'cameBackOnOldDrive')
    }
    renewed.delete(machine.id)
    machine.inService = true
    if (machine.process === null) this.#machines.startLater(machine, 1)
    return machine.process?.node == null ? null : machine
  }

  /** A configuration that is in force, or may come to be, names the drive. */
  #isNamed({ drive }: Machine): boolean {
    const { members } = this.#parts.cluster
    return members.possible().some(one => membersOf(one).some(({ uuid }) => uuid === drive.uuid))
  }

  // Asking for it.

  #ask(process: MetadataProcess, change: MemberChange, now: Configuration): void {
    const { cluster, trace } = this.#parts
    const { members, plan, timeline } = cluster
    const asked = { configuration: outcomeOf(change, now) }
    const after = { ...asked.configuration, outgoing: null }
    if (after.voters.length === 0) return
    if (change.kind === 'voters' && !cluster.canSpare([], [asked.configuration, after])) return
    trace.note(process.nodeId, 'operator', () => `asks for ${JSON.stringify(change)}`)
    members.ask(asked)
    this.#asking = true
    this.#endanger(process)
    const answered = (): void => {
      this.#asking = false
    }
    timeline.after(2 * plan.proposalTimeoutMs, answered)
    process.life.enter('call', () => {
      process.node!.consensus.changeMembers(change, plan.proposalTimeoutMs).then(
        () => {
          answered()
          this.#done(change)
        },
        error => {
          answered()
          if (surelyNotDone(error)) members.refused(asked)
          if (isRefused(error)) this.#parts.coverage.add('changesRefused')
          trace.note(process.nodeId, 'operator', () => `hears ${(error as Error).message}`)
        },
      )
    })
  }

  /** Just now whoever is asked may be left with one follower at most. */
  #endanger({ machine }: MetadataProcess): void {
    const { chance, cluster } = this.#parts
    if (chance.happens(0.15))
      this.#machines.strike('strand', machine, chance.exponential(cluster.plan.outageMs))
  }

  #done(change: MemberChange): void {
    if (change.kind !== 'addLearner') return
    const how = this.#returning.get(change.learner.uuid)
    this.#returning.delete(change.learner.uuid)
    if (how !== undefined) this.#parts.coverage.add(how)
  }

  // Who has left.

  /** Most are switched off some time later; some are forgotten and go on, with whatever they last heard. */
  #retire(): void {
    const { cluster, chance, coverage } = this.#parts
    for (const machine of cluster.inService) {
      const { uuid } = machine.drive
      if (this.#retired.has(uuid) || !this.#hasLeft(machine)) continue
      this.#retired.add(uuid)
      if (chance.happens(0.3)) coverage.add('removedStillRunning')
      else
        cluster.timeline.after(chance.exponential(cluster.plan.outageMs), () =>
          this.#switchOff(machine, uuid),
        )
    }
  }

  #switchOff(machine: Machine, uuid: string): void {
    this.#retired.delete(uuid)
    if (this.#stopped || machine.drive.uuid !== uuid || !this.#hasLeft(machine)) return
    this.#parts.trace.note(machine.id, 'operator', () => 'switches it off')
    machine.inService = false
    this.#parts.cluster.kill(machine)
  }

  #hasLeft(machine: Machine): boolean {
    const { members } = this.#parts.cluster
    const isWanted = this.#wish?.voters.includes(machine.id) === true
    return !isWanted && members.knows(machine.drive.uuid) && !this.#isNamed(machine)
  }
}

/** What the leader would append. */
function outcomeOf(change: MemberChange, now: Configuration): Configuration {
  switch (change.kind) {
    case 'addLearner':
      return { ...now, index: LATER, learners: [...now.learners, change.learner] }
    case 'removeLearner':
      return { ...now, index: LATER, learners: now.learners.filter(({ id }) => id !== change.id) }
    case 'voters': {
      const staying = now.voters.filter(({ id }) => !change.remove.includes(id))
      const joining = now.learners.filter(({ id }) => change.add.includes(id))
      return { ...now, index: LATER, voters: [...staying, ...joining], outgoing: now.voters }
    }
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof DmqError && error.code === 'MEMBERSHIP_CHANGE_REFUSED'
}

function surelyNotDone(error: unknown): boolean {
  return isRefused(error) || (error instanceof DmqError && error.code === 'NOT_CONTROLLER')
}
