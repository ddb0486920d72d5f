// How long does the process stand still while it takes a snapshot, and how soon is it back from one?
// npm run bench -- snapshot [--partitions N]
//
// One metadata node in this process, on a real disk: topics of 10 partitions, replication 3, 30 brokers. Stall: the longest
// time between two turns of the event loop, with changes going on, while a snapshot is taken and while none is.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Network } from '../src/io/network.ts'
import { nodeClock } from '../src/io/node-clock.ts'
import { nodeDisk } from '../src/io/node-disk.ts'
import { type Command, encodeCommand } from '../src/metadata/command.ts'
import type { RaftOptions } from '../src/raft/options.ts'
import { MetadataNode, type MetadataNodeEvents } from '../src/server/metadata-node.ts'
import { machineLine } from './lib/machine.ts'

const { values } = parseArgs({ options: { partitions: { type: 'string', default: '1000000' } } })
const partitions = Number(values.partitions)
const folder = join('.dmq', `bench-${process.pid}`)
const BROKERS = 30
const PER_TOPIC = 10
const MIB = 1024 * 1024

const RAFT: Omit<RaftOptions, 'random'> = {
  id: 1,
  uuid: 'bench',
  configuredVoters: [1],
  newClusterId: 'bench',
  electionTimeoutMs: 1_000,
  electionJitterMs: 100,
  heartbeatIntervalMs: 100,
  commitNoticeDelayMs: 2,
  appendBytesMax: MIB / 4,
  snapshotPartBytes: MIB / 2,
  readsMax: 1_000,
  inflightCountMax: 256,
  inflightBytesMax: 4 * MIB,
  uncommittedBytesMax: 64 * MIB,
  tailBytesMax: 16 * MIB,
}
const alone: Network = { connect: () => ({ send: () => false, close() {} }) }

/** Snapshots that were taken: when, how long it took, how large they are. */
const taken: { at: number; ms: number; bytes: number }[] = []

async function open(): Promise<MetadataNode> {
  const nothing = (): void => {}
  const events: MetadataNodeEvents = {
    changed: nothing,
    refused: nothing,
    connected: nothing,
    disconnected: nothing,
    unreadable: nothing,
    lost: nothing,
    slowDisk: nothing,
    lowDisk: nothing,
    roomAgain: nothing,
    tornWriteCut: nothing,
    snapshotDamaged: nothing,
    snapshotInstalled: nothing,
    snapshotFailed: reason => console.error(reason),
    snapshotTaken: ({ bytes }, ms) => void taken.push({ at: performance.now(), ms, bytes }),
    fatal: error => {
      throw error
    },
  }
  const node = await MetadataNode.open(
    {
      raft: { ...RAFT, random: Math.random, snapshotBytesMin: 16 * MIB },
      folder,
      targets: [],
      freeBytesMin: 0,
    },
    { disk: nodeDisk, clock: nodeClock, network: alone },
    events,
  )
  while (!node.consensus.leadership.ready) await new Promise(resolve => setTimeout(resolve, 1))
  return node
}

function propose(node: MetadataNode, command: Command): Promise<unknown> {
  return node.consensus.propose(command.type, Buffer.from(encodeCommand(command)), 600_000)
}

async function fill(node: MetadataNode): Promise<void> {
  for (let brokerId = 1; brokerId <= BROKERS; brokerId++) {
    const at = { host: 'h', port: 1, rack: null, resources: {}, listeners: [] }
    const who = { incarnationId: null, pairedMetadataServiceId: null, previousBrokerEpoch: null }
    await propose(node, { type: 'RegisterBrokerCommand', time: 1, brokerId, ...at, ...who })
  }
  let batch: Promise<unknown>[] = []
  for (let topic = 0; topic < partitions / PER_TOPIC; topic++) {
    const replicas = (p: number) => [0, 1, 2].map(r => 1 + ((topic + p * 7 + r * (1 + (p % 9))) % BROKERS))
    const assignments = Array.from({ length: PER_TOPIC }, (_, p) => replicas(p))
    const topicId = `00000000-0000-4000-8000-${String(topic).padStart(12, '0')}`
    const topicName = `topic-${topic}`
    batch.push(
      propose(node, { type: 'CreateTopicCommand', time: 1, topicName, topicId, assignments, config: {} }),
    )
    if (batch.length < 1_000) continue
    await Promise.all(batch)
    batch = []
  }
  await Promise.all(batch)
}

/** Changes, a few at a time, until a snapshot has been taken. Returns the gaps between turns of the loop. */
async function changesUntilSnapshot(node: MetadataNode): Promise<{ at: number; ms: number }[]> {
  const gaps: { at: number; ms: number }[] = []
  const began = performance.now()
  const isFromNow = ({ at, ms }: { at: number; ms: number }) => at - ms > began
  let last = began
  const watch = setInterval(() => {
    const now = performance.now()
    gaps.push({ at: now, ms: now - last })
    last = now
  }, 1)
  for (let i = 0; !taken.some(isFromNow); i++) {
    const batch = Array.from({ length: 20 }, (_, n) => {
      const topicName = `topic-${(i * 20 + n) % (partitions / PER_TOPIC)}`
      const config = { 'retention.ms': String(1_000_000 + i) }
      return propose(node, { type: 'UpdateTopicConfigCommand', time: 1, topicName, config })
    })
    await Promise.all(batch)
  }
  clearInterval(watch)
  return gaps
}

function longest(gaps: readonly { ms: number }[]): string {
  return Math.max(0, ...gaps.map(({ ms }) => ms)).toFixed(1)
}

console.log(machineLine())
const began = performance.now()
const node = await open()
await fill(node)
console.log(`\n${partitions} partitions created in ${((performance.now() - began) / 1000).toFixed(1)} s`)
const gaps = await changesUntilSnapshot(node)
const snapshot = taken.at(-1)!
const during = gaps.filter(({ at }) => at >= snapshot.at - snapshot.ms - 5 && at <= snapshot.at + 5)
const outside = gaps.filter(gap => !during.includes(gap))
const { stateHash } = node.replica.image
node.stop()
await node.close()
const restart = performance.now()
const again = await open()
const ready = performance.now() - restart
console.log(`snapshot: ${(snapshot.bytes / MIB).toFixed(1)} MiB in ${snapshot.ms.toFixed(0)} ms`)
console.log(
  `longest stall: ${longest(during)} ms while it is taken, ${longest(outside)} ms else (goal: under 50 ms)`,
)
console.log(
  `restart until it leads: ${ready.toFixed(0)} ms (goal: under 5,000 ms), same state: ${again.replica.image.stateHash === stateHash}`,
)
console.log(`resident: ${(process.memoryUsage().rss / MIB).toFixed(0)} MiB (two images in this process)`)
again.stop()
await again.close()
rmSync(folder, { recursive: true })
