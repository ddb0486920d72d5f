import assert from 'node:assert/strict'
import { seeded } from '../../../simulator/chance.ts'
import { Consensus } from '../../../src/consensus/consensus.ts'
import type { Envelope } from '../../../src/raft/message.ts'
import type { RaftOptions } from '../../../src/raft/options.ts'
import { MemoryDisk } from '../log/memory-disk.ts'
import { type DiskNode, openNode } from './disk-history.ts'
import { FakeClock } from './fake-clock.ts'
import { Tape } from './tape.ts'

export const IDS = [1, 2, 3]

export function optionsOf(id: number): RaftOptions & { snapshotBytesMin: number } {
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
export class Labels extends Tape {
  override apply(index: number, type: string, data: Uint8Array): string {
    return super.apply(index, type, Buffer.from(labelOf(Buffer.from(data).toString())))
  }
}

export function labelOf(text: string): string {
  return text.slice(0, 12)
}

export type Running = { readonly node: DiskNode; readonly consensus: Consensus }

/** Nodes that have the real driver, log and snapshots over a disk in memory. */
export class Cluster {
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
        snapshotFailed: reason => void this.events.push(`node ${id} failed: ${reason}`),
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
