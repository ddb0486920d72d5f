import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../../src/metadata/command.ts'
import { Image } from '../../../src/metadata/image.ts'
import { apply } from '../../../src/metadata/metadata.ts'
import type { Partition } from '../../../src/metadata/partition-table.ts'
import { membersOf } from '../../../src/metadata/replication.ts'
import { History } from './history.ts'

/**
 * What holds after every command of a random history. Replay one run:
 *
 *     SEED=17 node --test test/unit/metadata/invariants.test.ts
 */
const SEED = process.env.SEED === undefined ? null : Number(process.env.SEED)
const RUNS = Number(process.env.RUNS ?? 40)
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
  /** The broker that, by this command, may have lost what it had. */
  readonly loser: number | null
}

test('the ISR and the ELR are disjoint subsets of the replicas, which never change', () => {
  eachStep(({ before, after }) => {
    const { replicas, isr, elr } = after
    assert(isr.every(id => replicas.includes(id)) && elr.every(id => replicas.includes(id)))
    assert(!isr.some(id => elr.includes(id)))
    assert.deepEqual(before?.replicas ?? replicas, replicas)
  })
})

test('no broker that is OFFLINE or not registered is in an ISR', () => {
  eachStep(({ image, after }) => {
    const away = after.isr.filter(id => !image.isActive(id))
    assert.deepEqual(away, [])
  })
})

test('the leader is in the ISR, and a partition without a leader has an empty ISR', () => {
  eachStep(({ after: { leader, isr } }) => {
    if (leader !== null) assert(isr.includes(leader))
    else assert.deepEqual(isr, [])
  })
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
  eachStep(({ before, after }) => {
    assert.equal(after.lastKnownLeader === null, after.leader !== null)
    if (before !== null && after.leader === null)
      assert.equal(after.lastKnownLeader, before.leader ?? before.lastKnownLeader)
  })
})

test('a partition has no leader only while no active replica may lead', () => {
  let leaderless = 0
  eachStep(({ image, after }) => {
    if (after.leader !== null) return
    leaderless += 1
    const active = after.replicas.filter(image.isActive)
    assert(!after.elr.some(image.isActive), 'an eligible replica is active')
    assert(!isUnclean(image, after) || active.length === 0, 'any active replica may lead')
    if (after.elr.length === 0)
      assert(!active.includes(after.lastKnownLeader!), 'who led last is active, and nobody is eligible')
  })
  assertHappened('partitions without a leader', leaderless, 100)
})

test('leader and partition epochs never go back, and grow with every change of leader and of the partition', () => {
  eachStep(({ before, after, loser }) => {
    if (before === null) return assert.deepEqual([after.leaderEpoch, after.partitionEpoch], [0, 0])
    const leaders = after.leaderEpoch - before.leaderEpoch
    const changes = after.partitionEpoch - before.partitionEpoch
    assert.equal(changes > 0, !sameBesidesEpochs(before, after) || leaders > 0)
    assert(leaders <= changes, 'the leader epoch never grows faster than the partition epoch')
    if (before.leader !== after.leader) assert(leaders > 0)
    // A process that may have lost records never goes on in the epoch of the process that wrote them.
    else assert.equal(leaders > 0, loser !== null && after.leader === loser)
  })
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
        if (leadsUncleanly(step)) {
          unclean += 1
          complete.clear()
          complete.add(step.after.leader!)
        }
        const { isr, elr } = step.after
        // Whom a leader takes into the ISR, it has seen to be complete.
        if (step.command.type === 'UpdateISRCommand') for (const id of isr) complete.add(id)
        const missing = [...isr, ...elr].filter(id => !complete.has(id))
        assert.deepEqual(missing, [], `${key}: in the ISR or eligible, without all committed records`)
        completeOf.set(key, isr.length >= minIsrOf(step.image, step.after) ? new Set(isr) : complete)
      }
    }
  })
  assertHappened('unclean elections', unclean, 5)
})

/** Whether somebody new leads who was not eligible; asserts that the rules allowed it. */
function leadsUncleanly({ image, before, after, loser }: Step): boolean {
  const { leader } = after
  if (before === null || leader === null || (before.leader === leader && leader !== loser)) return false
  const eligible = [...before.isr, ...before.elr].filter(id => id !== loser)
  if (eligible.includes(leader)) return false
  const ledLast = eligible.length === 0 && (before.leader ?? before.lastKnownLeader) === leader
  assert(ledLast || isUnclean(image, after), `${leader} was neither eligible nor the last leader`)
  return true
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
    if ('rejected' in apply(image, command, index)) continue
    const now = statesOf(image)
    check(
      [...now].map(([key, after]) => ({ image, before: before.get(key) ?? null, after, command, loser })),
      image,
    )
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
  const content = ({ leader, isr, elr, lastKnownLeader }: State) =>
    JSON.stringify([leader, isr, elr, lastKnownLeader])
  return content(a) === content(b)
}

function minIsrOf(image: Image, { topicId, replicas }: State): number {
  const { config } = image.topicById(topicId)!
  return Math.min(Number(config['min.insync.replicas'] ?? 1), replicas.length)
}

function isUnclean(image: Image, { topicId }: State): boolean {
  return image.topicById(topicId)!.config['unclean.leader.election.enable'] === 'true'
}

/** Runs in which nothing happened prove nothing. */
function assertHappened(what: string, count: number, least: number): void {
  if (SEED === null) assert(count >= least * RUNS, `too few ${what} in these runs: ${count}`)
}
