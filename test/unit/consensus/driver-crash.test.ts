import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Consensus } from '../../../src/consensus/consensus.ts'
import type { Envelope } from '../../../src/raft/message.ts'
import type { RaftOptions } from '../../../src/raft/options.ts'
import { Raft } from '../../../src/raft/raft.ts'
import { MemoryDisk, outages, seeded } from '../log/memory-disk.ts'
import { closeNode, contentOf, type DiskNode, openNode } from './disk-history.ts'
import { FakeClock, settle } from './fake-clock.ts'
import { Tape } from './tape.ts'

/**
 * Three nodes, each with the real driver, log and snapshots over a disk in memory. One falls behind, gets a snapshot and
 * goes on; at every moment at which its disk has changed, the power fails. Whatever is left, it comes back with all that
 * it had told the core to be durable, and with nothing that differs from the others.
 */
const OUTAGES_MAX = Number(process.env.OUTAGES ?? 6)
const IDS = [1, 2, 3]

function optionsOf(id: number): RaftOptions & { snapshotBytesMin: number } {
  return {
    id,
    uuid: `uuid ${id}`,
    configuredVoters: IDS,
    newClusterId: 'c',
    electionTimeoutMs: 100,
    electionJitterMs: 100,
    heartbeatIntervalMs: 20,
    commitNoticeDelayMs: 5,
    appendBytesMax: 3000,
    snapshotPartBytes: 700,
    readsMax: 10,
    inflightCountMax: 8,
    inflightBytesMax: 10_000,
    uncommittedBytesMax: 100_000,
    tailBytesMax: 1500,
    random: seeded(id),
    snapshotBytesMin: 3000,
  }
}

/** Keeps the beginning of each text only, so that a snapshot is small beside the entries that it covers. */
class Labels extends Tape {
  override apply(index: number, type: string, data: Uint8Array): string {
    return super.apply(index, type, Buffer.from(labelOf(Buffer.from(data).toString())))
  }
}

function labelOf(text: string): string {
  return text.slice(0, 12)
}

type Running = { readonly node: DiskNode; readonly consensus: Consensus }

class Cluster {
  readonly clock = new FakeClock()
  readonly running = new Map<number, Running>()
  readonly events: string[] = []
  /** Nobody hears this node, and it hears nobody. */
  isolated: number | null = null
  #queue: Envelope[] = []

  async start(id: number, disk = new MemoryDisk()): Promise<Running> {
    const node = await openNode(disk, '/data', new Labels())
    const nothing = (): void => {}
    const consensus = new Consensus(optionsOf(id), node.restored, {
      log: node.log,
      store: node.store,
      clock: this.clock,
      stateMachine: node.tape,
      send: envelope => this.#queue.push(envelope) > 0,
      events: {
        changed: nothing,
        refused: ({ text }) => assert.fail(text),
        membersChanged: nothing,
        slowDisk: nothing,
        fatal: error => assert.fail(error as Error),
        snapshotTaken: ({ index }) => void this.events.push(`node ${id} took ${index}`),
        snapshotInstalled: ({ index }) => void this.events.push(`node ${id} installed ${index}`),
        snapshotFailed: () => void this.events.push(`node ${id} failed`),
      },
    })
    const running = { node, consensus }
    this.running.set(id, running)
    return running
  }

  async run(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 5) {
      await this.clock.pass(5)
      for (let turn = 0; turn < 30 && this.clock.pending + this.#queue.length > 0; turn++) {
        await this.clock.runPending()
        this.#deliver()
      }
    }
  }

  #deliver(): void {
    const queue = this.#queue
    this.#queue = []
    for (const envelope of queue) {
      if (envelope.from !== this.isolated && envelope.to !== this.isolated)
        this.running.get(envelope.to)?.consensus.receive(envelope)
    }
  }

  get leader(): Running {
    return [...this.running.values()].find(({ consensus }) => consensus.leadership.ready)!
  }

  async write(count: number, bytes: number): Promise<void> {
    const { consensus, node } = this.leader
    const from = node.tape.texts.length
    const done = Array.from({ length: count }, (_, i) =>
      consensus.propose('Test', Buffer.alloc(bytes, `write ${from + i} `), 10_000),
    )
    await this.run(60)
    await Promise.all(done)
  }
}

type Moment = { readonly durable: number; readonly disk: MemoryDisk; readonly number: number }

test('power fails at any moment while a follower lives with snapshots of its own and of the leader', async t => {
  const cluster = new Cluster()
  for (const id of IDS) await cluster.start(id)
  await cluster.run(600)
  const leader = cluster.leader.consensus.status().id
  const followed = IDS.find(id => id !== leader)!
  const { node, consensus } = cluster.running.get(followed)!
  const moments: Moment[] = []
  let taken = 0
  node.disk.changed = () =>
    void moments.push({ durable: consensus.status().durable, disk: node.disk.killed(), number: taken++ })
  await cluster.write(6, 600)
  await cluster.write(8, 400)
  for (let round = 0; round < 2; round++) {
    cluster.isolated = followed
    for (let i = 0; i < 4; i++) await cluster.write(5, 500)
    cluster.isolated = null
    await cluster.run(400)
    await cluster.write(3, 1200)
    await cluster.write(7, 500)
  }
  await cluster.run(300)
  const installs = cluster.events.filter(event => event.startsWith(`node ${followed} installed`))
  const takes = cluster.events.filter(event => event.startsWith(`node ${followed} took`))
  assert.ok(installs.length >= 2 && takes.length >= 2, cluster.events.join(', '))
  const { texts } = cluster.leader.node.tape
  assert.deepEqual(node.tape.texts, texts)
  assert.ok(node.log.firstIndex > 20, `the log was cut to ${node.log.firstIndex}`)
  assert.ok(node.store.list.length <= 3)
  const random = seeded(7)
  let starts = 0
  for (const { durable, disk, number } of moments) {
    for (const left of [...outages(disk, OUTAGES_MAX, random), disk]) {
      const when = `moment ${number} of ${moments.length}, ${starts++}`
      const opened = await openNode(left, '/data', new Labels()).catch(error =>
        assert.fail(`${when}: ${error.stack}`),
      )
      assertPrefix(opened, texts, durable, followed, when)
      await closeNode(opened)
    }
  }
  t.diagnostic(`${moments.length} moments, ${starts} starts; ${cluster.events.join(', ')}`)
  for (const running of cluster.running.values()) running.consensus.stop()
})

function assertPrefix(node: DiskNode, texts: string[], durable: number, id: number, when: string): void {
  const { texts: all, last } = contentOf(node)
  const found = { texts: all.map(labelOf), last }
  assert.deepEqual(found.texts, texts.slice(0, found.texts.length), when)
  assert.ok(found.last >= durable, `${when}: ends with ${found.last}, ${durable} was durable`)
  assert.deepEqual(node.damaged, [], when)
  new Raft(optionsOf(id), node.restored, 0)
}

test('a follower that lost power in the midst of an install catches up', async () => {
  const cluster = new Cluster()
  for (const id of IDS) await cluster.start(id)
  await cluster.run(600)
  const leader = cluster.leader.consensus.status().id
  const followed = IDS.find(id => id !== leader)!
  const random = seeded(5)
  const below = (limit: number): number => Math.floor(random() * limit)
  for (let round = 0; round < 25; round++) {
    const { node, consensus } = cluster.running.get(followed)!
    cluster.isolated = followed
    for (let i = 0; i < 4; i++) await cluster.write(4, 700)
    cluster.isolated = null
    await cluster.run(5 + below(80))
    const left = below(4) === 0 ? node.disk.killed() : node.disk.outage((_, versions) => below(versions))
    consensus.stop()
    await cluster.start(followed, left)
    await cluster.run(400)
    await settle()
    const { texts } = cluster.leader.node.tape
    assert.deepEqual(cluster.running.get(followed)!.node.tape.texts, texts, `round ${round}`)
  }
  const installs = cluster.events.filter(event => event.startsWith(`node ${followed} installed`))
  assert.ok(installs.length >= 10, `${installs.length}`)
  for (const running of cluster.running.values()) running.consensus.stop()
})
