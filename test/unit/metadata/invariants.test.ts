import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../../src/metadata/command.ts'
import type { ReplicasChange } from '../../../src/metadata/commands/alter-replicas.ts'
import type { Plan } from '../../../src/metadata/decision.ts'
import { Image } from '../../../src/metadata/image.ts'
import { apply } from '../../../src/metadata/metadata.ts'
import type { Partition } from '../../../src/metadata/partition-table.ts'
import { bitOf, membersOf } from '../../../src/metadata/replication.ts'
import { History } from './history.ts'

/**
 * What holds after every command of a random history. Replay one run:
 *
 *     SEED=17 node --test test/unit/metadata/invariants.test.ts
 */
const SEED = process.env.SEED === undefined ? null : Number(process.env.SEED)
const RUNS = Number(process.env.RUNS ?? 100)
const SEEDS = SEED === null ? Array.from({ length: RUNS }, (_, i) => i + 1) : [SEED]
const COMMANDS = 250

/** A partition, its sets in broker ids. */
type State = Omit<Partition, 'isr' | 'elr'> & { readonly isr: number[]; readonly elr: number[] }

/** One partition, before and after a command that was not rejected. */
type Step = {
  /** After the command. */
  readonly image: Image
  /** Null: the command created it. */
  readonly before: State | null
  readonly after: State
  readonly command: Command
  readonly results: Plan['results']
  /** The broker that, by this command, may have lost what it had. */
  readonly loser: number | null
}

test('the ISR and the ELR are disjoint subsets of the replicas', () => {
  eachStep(({ after: { replicas, isr, elr, lastKnownLeader } }) => {
    assert.equal(new Set(replicas).size, replicas.length)
    assert(isr.every(id => replicas.includes(id)) && elr.every(id => replicas.includes(id)))
    assert(!isr.some(id => elr.includes(id)))
    assert(lastKnownLeader === null || replicas.includes(lastKnownLeader))
  })
})

test('no broker that is OFFLINE, SHUTTING_DOWN or not registered is in an ISR', () => {
  eachStep(({ image, after }) => {
    const away = after.isr.filter(id => !['ONLINE', 'DRAINING'].includes(image.broker(id)?.status ?? ''))
    assert.deepEqual(away, [])
  })
})

test('the leader is in the ISR, and a partition without a leader has an empty ISR', () => {
  eachStep(({ after: { leader, isr } }) => {
    if (leader !== null) assert(isr.includes(leader))
    else assert.deepEqual(isr, [])
  })
})

test('a broker that is being drained leads only where nobody else in the ISR can', () => {
  let draining = 0
  eachStep(({ image, after: { leader, isr } }) => {
    if (leader === null || !image.isDraining(leader)) return
    draining += 1
    assert(isr.every(image.isDraining), `of [${isr}] the draining broker ${leader} leads`)
  })
  assertHappened('leaders that are being drained', draining, 20)
})

test('replicas outside the ISR are eligible only while it is below its minimum', () => {
  let eligible = 0
  eachStep(({ image, after }) => {
    if (after.isr.length >= minIsrOf(image, after)) assert.deepEqual(after.elr, [])
    else eligible += after.elr.length
  })
  assertHappened('eligible replicas', eligible, 100)
})

test('who led last is remembered exactly while nobody leads', () => {
  eachStep(({ before, after, command }) => {
    if (after.leader !== null) return assert.equal(after.lastKnownLeader, null)
    if (before === null) return
    const last = before.leader ?? before.lastKnownLeader
    if (last !== null && after.replicas.includes(last)) return assert.equal(after.lastKnownLeader, last)
    // With a move that was given up it lost its replica: somebody who is eligible stands for it.
    if (after.elr.length > 0 && last !== null) assert.equal(after.lastKnownLeader, after.elr[0])
    else assert(last === null || command.type === 'UnregisterBrokerCommand', `${last} is forgotten`)
  })
})

test('a partition has no leader only while no active replica may lead', () => {
  let leaderless = 0
  eachStep(({ image, after }) => {
    if (after.leader !== null) return
    leaderless += 1
    const active = after.replicas.filter(image.isActive)
    assert(!after.elr.some(image.isActive), 'an eligible replica is active')
    const held = active.filter(id => (bitOf(after.replicas, id) & (after.reassignment?.adding ?? 0)) === 0)
    assert(
      !isUnclean(image, after) || held.length === 0,
      'any active replica that is not just being added may lead',
    )
    if (after.elr.length === 0)
      assert(!active.includes(after.lastKnownLeader!), 'who led last is active, and nobody is eligible')
  })
  assertHappened('partitions without a leader', leaderless, 100)
})

test('the leader epoch grows with every change of leader and every lost replica, the partition epoch with any change', () => {
  eachStep(({ before, after, loser }) => {
    if (before === null) return assert.deepEqual([after.leaderEpoch, after.partitionEpoch], [0, 0])
    const leaders = after.leaderEpoch - before.leaderEpoch
    const changes = after.partitionEpoch - before.partitionEpoch
    assert.equal(changes > 0, !sameBesidesEpochs(before, after) || leaders > 0)
    assert(leaders <= changes, 'the leader epoch never grows faster than the partition epoch')
    const removed = before.replicas.some(id => !after.replicas.includes(id))
    // A process that may have lost records never goes on in the epoch of the process that wrote them.
    const restarted = loser !== null && after.leader === loser
    assert.equal(leaders > 0, before.leader !== after.leader || removed || restarted)
  })
})

test('while a partition is moved it has the replicas of before and those that come, and not all of these are in sync', () => {
  let moving = 0
  eachStep(({ before, after, command }) => {
    const { reassignment: move, replicas, isr, elr } = after
    if (move === null || move.waiting) return
    moving += 1
    const added = membersOf(replicas, move.adding)
    const original = replicas.filter(id => !added.includes(id))
    assert.deepEqual(
      replicas,
      [...original, ...move.target.filter(id => !original.includes(id))],
      'those that come are behind, in the order of the target',
    )
    const missing = move.target.filter(id => !isr.includes(id))
    assert(missing.length > 0, 'all of the target is in sync, and the move is not done')
    const others = [...isr, ...elr].some(id => !move.target.includes(id))
    const waiting = added.some(id => !isr.includes(id)) || missing.length === move.target.length
    assert(others || waiting, 'nobody to wait for, nothing to lose, and the move is not done')
    if (before !== null) assert.deepEqual(original, originalOf(before), command.type)
  })
  assertHappened('partitions that are moved', moving, 50)
})

test('a move that waits has changed nothing, and begins only when it is asked to', () => {
  const happened = { queued: 0, begun: 0, cancelled: 0 }
  eachStep(step => {
    const { before, after, command } = step
    const [was, is] = [before?.reassignment ?? null, after.reassignment]
    if (is?.waiting) {
      assert.deepEqual([is.adding, is.cause !== null], [0, true])
      if (was === null || !was.waiting) {
        const asked = command.type === 'AlterReplicasCommand' && command.movesMax !== undefined
        assert(asked && was === null, 'only what is asked for waits, and what is being moved does not')
        assert.deepEqual(after.replicas, before!.replicas)
        happened.queued += 1
      }
    } else if (was?.waiting) {
      if (is === null) happened.cancelled += 1
      else {
        assert.equal(command.type, 'AlterReplicasCommand')
        assert.deepEqual(is.target, was.target)
        happened.begun += 1
      }
    }
  })
  if (RUNS < 100) return
  for (const [what, times] of Object.entries(happened))
    assertHappened(`waiting moves ${what}`, times, 1 / RUNS)
})

test('replicas change only by moves that are asked for, done or given up', () => {
  const happened = new Map<string, number>()
  const count = (what: string): void => void happened.set(what, (happened.get(what) ?? 0) + 1)
  eachStep(step => {
    const { before, after, command } = step
    if (before === null) return assert.deepEqual(after.reassignment, null)
    const asked = askedOf(step)
    const [was, is] = [before.reassignment, after.reassignment]
    if (is !== null) {
      if (JSON.stringify(was) === JSON.stringify(is)) return assert.deepEqual(after.replicas, before.replicas)
      if (command.type === 'UnregisterBrokerCommand') return count('goes on without a broker')
      assert(asked !== undefined && asked.replicas !== null)
      assert.deepEqual(is.target, asked.replicas)
      if (was === null) return count(is.waiting ? 'queued' : 'begun')
      if (was.waiting && !is.waiting) return count('begun after they waited')
      assert.deepEqual([was.cause !== 'MANUAL', is.cause], [true, 'MANUAL'])
      return count('replaced')
    }
    const wanted = asked?.replicas ?? was?.target
    const back = asked?.replicas === null || GIVING_UP.has(command.type)
    const untouched = after.partitionEpoch === before.partitionEpoch
    if (untouched || (was === null && asked === undefined))
      return assert.deepEqual(after.replicas, before.replicas)
    if (back && same(after.replicas, originalOf(before))) return count(`given up by ${command.type}`)
    const rest = wanted!.filter(id => command.type === 'UnregisterBrokerCommand' && id !== command.brokerId)
    assert(
      same(after.replicas, wanted!) || same(after.replicas, rest),
      `[${after.replicas}], not [${wanted}]`,
    )
    if (was !== null) count(`done by ${command.type}`)
    else if (!same(before.replicas, after.replicas)) count('done at once')
  })
  // Some are rare: fewer runs than usual may miss them.
  if (RUNS < 100) return
  for (const what of WAYS_OF_MOVES) assertHappened(`moves ${what}`, happened.get(what) ?? 0, 1 / RUNS)
})

/** With a broker that goes for good, moves to it are given up; those that wait when it is to be emptied, too. */
const GIVING_UP: ReadonlySet<string> = new Set(['UnregisterBrokerCommand', 'DrainBrokerCommand'])

/** What becomes of moves in these runs. */
const WAYS_OF_MOVES = [
  'begun',
  'begun after they waited',
  'queued',
  'replaced',
  'done at once',
  'done by AlterReplicasCommand',
  'done by ElectLeadersCommand',
  'done by RegisterBrokerCommand',
  'done by UpdateBrokerStatusCommand',
  'done by UpdateISRCommand',
  'done by UpdateTopicConfigCommand',
  'given up by AlterReplicasCommand',
  'given up by DrainBrokerCommand',
  'given up by UnregisterBrokerCommand',
  'goes on without a broker',
]

test('a topic has as many replicas as its first partition has, or will have', () => {
  eachRun(() => (_, image) => {
    for (const name of image.topicNames) {
      const topic = image.topic(name)!
      const { replicas, reassignment } = image.partition(topic.rows[0]!)
      assert.equal(topic.replicationFactor, (reassignment?.target ?? replicas).length, name)
    }
  })
})

test('a broker is DRAINING exactly while it would be ONLINE, and somebody wants it drained', () => {
  const drains = new Map<string, number>()
  eachRun(() => (_, image) => {
    for (const { status, drain } of image.brokers()) {
      assert(status !== 'ONLINE' || drain === null)
      assert(status !== 'DRAINING' || drain !== null)
      const key = `${status} ${drain?.mode ?? ''}`
      drains.set(key, (drains.get(key) ?? 0) + 1)
    }
  })
  for (const status of ['DRAINING', 'SHUTTING_DOWN', 'OFFLINE'])
    for (const mode of ['DRAIN', 'DECOMMISSION'])
      assertHappened(`${status} brokers in ${mode}`, drains.get(`${status} ${mode}`) ?? 0, 5)
})

test('broker epochs are unique, and every new process of a broker has a larger one than any before', () => {
  const epochs = new Map<number, string>()
  let largest = 0
  eachRun(() => {
    epochs.clear()
    largest = 0
    return (_, image) => {
      for (const { brokerId, brokerEpoch, incarnationId, host, port } of image.brokers()) {
        const process = `${brokerId} ${incarnationId ?? `${host}:${port}`}`
        if (!epochs.has(brokerEpoch)) assert(brokerEpoch > largest)
        assert.equal(epochs.get(brokerEpoch) ?? process, process)
        epochs.set(brokerEpoch, process)
        largest = Math.max(largest, brokerEpoch)
      }
    }
  })
})

/**
 * The promise behind all of these. A record is committed once the whole ISR has it, if that reaches the minimum: so while
 * it does, nobody outside it can be counted on, and who may have lost data can't be either. The model knows for each
 * partition who is complete, in the worst case: records are written all the time.
 */
test('a replica that may miss committed records leads only by an unclean election or as the last leader', () => {
  let unclean = 0
  eachRun(() => {
    const completeOf = new Map<string, ReadonlySet<number>>()
    return steps => {
      for (const step of steps) {
        const key = `${step.after.topicId} ${step.after.id}`
        const complete = new Set(completeOf.get(key) ?? step.after.replicas)
        if (step.loser !== null) complete.delete(step.loser)
        const known = [...(step.before?.isr ?? []), ...(step.before?.elr ?? [])].filter(id =>
          complete.has(id),
        )
        const uncleanly = leadsUncleanly(step)
        if (uncleanly) {
          unclean += 1
          complete.clear()
          complete.add(step.after.leader!)
        }
        const { isr, elr, replicas } = step.after
        for (const id of takenIn(step)) if (replicas.includes(id)) complete.add(id)
        const members = [...isr, ...elr]
        const missing = members.filter(id => !complete.has(id))
        assert.deepEqual(missing, [], `${key}: in the ISR or eligible, without all committed records`)
        assert(known.length === 0 || uncleanly || members.length > 0, `${key}: [${known}] had everything`)
        const holders = isr.length >= minIsrOf(step.image, step.after) ? isr : [...complete]
        completeOf.set(key, new Set(holders.filter(id => replicas.includes(id))))
      }
    }
  })
  assertHappened('unclean elections', unclean, 5)
})

/** Whether somebody new leads who was not eligible; asserts that the rules allowed it. */
function leadsUncleanly(step: Step): boolean {
  const { image, before, after, loser, command } = step
  const { leader } = after
  if (before === null || leader === null || (before.leader === leader && leader !== loser)) return false
  const eligible = [...before.isr, ...before.elr].filter(id => id !== loser)
  if (eligible.includes(leader) || takenIn(step).includes(leader)) return false
  const ledLast = eligible.length === 0 && (before.leader ?? before.lastKnownLeader) === leader
  const asked = command.type === 'ElectLeadersCommand' && command.electionType === 'UNCLEAN'
  assert(ledLast || asked || isUnclean(image, after), `${leader} was neither eligible nor the last leader`)
  assert(!asked || before.leader === null, 'nobody is deposed by an unclean election')
  return true
}

/** Whom a leader takes into the ISR, it has seen to be complete. */
function takenIn({ image, after, command }: Step): number[] {
  if (command.type !== 'UpdateISRCommand') return []
  const { name } = image.topicById(after.topicId)!
  const changes = command.changes.filter(({ topic, partition }) => topic === name && partition === after.id)
  const named = changes.flatMap(change => ('newIsr' in change ? change.newIsr : []))
  return named.map(({ brokerId }) => brokerId).filter(id => after.isr.includes(id))
}

/** What the command asks of the replicas of this partition, where that part was taken. */
function askedOf({ image, after, command, results }: Step): ReplicasChange | undefined {
  if (command.type !== 'AlterReplicasCommand') return undefined
  const { name } = image.topicById(after.topicId)!
  return command.changes.find(
    ({ topic, partition }, i) => topic === name && partition === after.id && results?.[i] === null,
  )
}

function originalOf({ replicas, reassignment }: State): number[] {
  return replicas.filter((_, i) => reassignment === null || (reassignment.adding & (1 << i)) === 0)
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.join() === b.join()
}

function eachStep(check: (step: Step) => void): void {
  eachRun(() => steps => steps.forEach(check))
}

/** Every seed is one run; the checker made for it sees what every command of it came to. */
function eachRun(checker: () => (steps: readonly Step[], image: Image) => void): void {
  for (const seed of SEEDS) {
    try {
      play(seed, checker())
    } catch (error) {
      throw new Error(`replay with: SEED=${seed} node --test test/unit/metadata/invariants.test.ts`, {
        cause: error,
      })
    }
  }
}

function play(seed: number, check: (steps: readonly Step[], image: Image) => void): void {
  const history = new History(seed)
  const image = new Image()
  let before = new Map<string, State>()
  for (let index = 1; index <= COMMANDS; index++) {
    const command = history.next(image)
    const loser = loserOf(image, command)
    const applied = apply(image, command, index)
    if ('rejected' in applied) continue
    const now = statesOf(image)
    const common = { image, command, loser, results: applied.results }
    const steps = [...now].map(([key, after]) => ({ ...common, before: before.get(key) ?? null, after }))
    check(steps, image)
    before = now
  }
}

function statesOf(image: Image): Map<string, State> {
  const states = new Map<string, State>()
  for (const name of image.topicNames) {
    for (const partition of image.partitionsOf(image.topic(name)!)) {
      const { replicas, isr, elr } = partition
      const state = { ...partition, isr: membersOf(replicas, isr), elr: membersOf(replicas, elr) }
      states.set(`${partition.topicId} ${partition.id}`, state)
    }
  }
  return states
}

/** A broker that starts without proof that it stopped cleanly, or is removed for good. */
function loserOf(image: Image, command: Command): number | null {
  if (command.type === 'UnregisterBrokerCommand') return command.brokerId
  if (command.type !== 'RegisterBrokerCommand') return null
  const before = image.broker(command.brokerId)
  if (before === undefined || command.previousBrokerEpoch === before.brokerEpoch) return null
  const { incarnationId, host, port } = command
  const samePlain = incarnationId === null && host === before.host && port === before.port
  const sameProcess = before.incarnationId === incarnationId && (incarnationId !== null || samePlain)
  return sameProcess ? null : command.brokerId
}

function sameBesidesEpochs(a: State, b: State): boolean {
  const content = ({ leader, isr, elr, lastKnownLeader, replicas, reassignment }: State) =>
    JSON.stringify([leader, isr, elr, lastKnownLeader, replicas, reassignment])
  return content(a) === content(b)
}

/** Replicas that are being added do not raise the minimum, and those that are removed do not lower it yet. */
function minIsrOf(image: Image, state: State): number {
  const { config } = image.topicById(state.topicId)!
  return Math.min(Number(config['min.insync.replicas'] ?? 1), originalOf(state).length)
}

function isUnclean(image: Image, { topicId }: State): boolean {
  return image.topicById(topicId)!.config['unclean.leader.election.enable'] === 'true'
}

/** Runs in which nothing happened prove nothing. */
function assertHappened(what: string, count: number, least: number): void {
  if (SEED === null) assert(count >= least * RUNS, `too few ${what} in these runs: ${count}`)
}
