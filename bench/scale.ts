// What does a metadata node cost as the cluster grows? npm run bench -- scale [--sizes 10000,100000,1000000,2000000]
//
// One metadata node, in a process of its own for each size, on a real disk: topics of 10 partitions, replication 3, 30 brokers;
// broker 1 leads every twentieth partition. Resident memory is that of the process after a full garbage collection, with this
// generator in it. Loss: one entry takes broker 1 out. ISR change: what the controller sends each storage node for one.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { updateFor } from '../src/controller/storage-update.ts'
import { type Command, encodeCommand } from '../src/metadata/command.ts'
import { HEAP_FLAGS } from '../src/server/heap-flags.ts'
import type { MetadataNode } from '../src/server/metadata-node.ts'
import { closeLoneNode, fill, LoopWatch, MIB, openLoneNode, propose } from './lib/lone-node.ts'
import { machineLine } from './lib/machine.ts'
import { benchOptions } from './lib/options.ts'

const values = benchOptions('scale', 'What does a metadata node cost as the cluster grows?', {
  sizes: [[10_000, 100_000, 1_000_000, 2_000_000], 'partitions'],
  one: [0, 'of one size only, in this process, as JSON'],
})
const BROKERS = 30
const PER_TOPIC = 10

type Figures = {
  readonly partitions: number
  readonly createSeconds: number
  readonly residentMib: number
  readonly snapshotMib: number
  readonly snapshotMs: number
  readonly restartMs: number
  readonly lossLed: number
  readonly lossEntryBytes: number
  readonly lossMs: number
  readonly lossStallMs: number
  readonly isrBytes: number
  readonly isrMs: number
}

/** Broker 1 leads the first partition of every second topic; the others share the rest. */
function replicas(topic: number, partition: number): number[] {
  const others = [0, 1, 2].map(
    r => 2 + ((topic * 3 + partition * 7 + r * (1 + (partition % 9))) % (BROKERS - 1)),
  )
  return partition === 0 && topic % 2 === 0 ? [1, ...others.slice(0, 2)] : others
}

async function measure(partitions: number): Promise<Figures> {
  const folder = join('.dmq', `bench-${process.pid}`)
  let node = await openLoneNode(folder)
  const began = performance.now()
  await fill(node, { brokers: BROKERS, partitions, partitionsPerTopic: PER_TOPIC, replicas })
  const createSeconds = (performance.now() - began) / 1_000
  const residentMib = resident()
  const snapshot = await snapshotOf(node)
  await closeLoneNode(node)
  const restart = performance.now()
  node = await openLoneNode(folder)
  const restartMs = performance.now() - restart
  const loss = await brokerLoss(node)
  const isr = await isrChange(node)
  await closeLoneNode(node)
  rmSync(folder, { recursive: true })
  return { partitions, createSeconds, residentMib, ...snapshot, restartMs, ...loss, ...isr }
}

function resident(): number {
  for (let i = 0; i < 3; i++) globalThis.gc!()
  return process.memoryUsage.rss() / MIB
}

/** The pieces of a snapshot, one with each turn of the loop as the node writes them. */
async function snapshotOf(node: MetadataNode): Promise<Pick<Figures, 'snapshotMib' | 'snapshotMs'>> {
  const began = performance.now()
  let bytes = 0
  for (const piece of node.replica.capture()) {
    bytes += piece.length
    await new Promise(resolve => setImmediate(resolve))
  }
  return { snapshotMib: bytes / MIB, snapshotMs: performance.now() - began }
}

async function brokerLoss(node: MetadataNode) {
  const { image } = node.replica
  const lossLed = image.replicaCounts().get(1)?.leaders ?? 0
  const { brokerEpoch } = image.broker(1)!
  const command: Command = {
    type: 'UpdateBrokerStatusCommand',
    time: Date.now(),
    brokerId: 1,
    brokerEpoch,
    status: 'OFFLINE',
    reason: 'its process is gone: 10.0.0.1:9092 refuses connections',
  }
  const watch = new LoopWatch()
  const began = performance.now()
  await propose(node, command)
  const lossMs = performance.now() - began
  const lossStallMs = await watch.stop()
  if ((image.replicaCounts().get(1)?.leaders ?? 0) > 0) throw new Error('broker 1 still leads')
  return { lossLed, lossMs, lossStallMs, lossEntryBytes: encodeCommand(command).length }
}

async function isrChange(node: MetadataNode): Promise<Pick<Figures, 'isrBytes' | 'isrMs'>> {
  const { image } = node.replica
  const partition = image.partitionsOf(image.topic('topic-1')!)[1]!
  const leader = partition.leader!
  const { brokerEpoch } = image.broker(leader)!
  const { leaderEpoch, partitionEpoch } = partition
  const version = image.version
  const began = performance.now()
  await propose(node, {
    type: 'UpdateISRCommand',
    time: Date.now(),
    brokerId: leader,
    brokerEpoch,
    changes: [
      {
        topic: 'topic-1',
        partition: 1,
        leaderEpoch,
        partitionEpoch,
        newIsr: [{ brokerId: leader, brokerEpoch }],
      },
    ],
  })
  const isrMs = performance.now() - began
  if (image.version === version) throw new Error('the ISR did not change')
  return { isrMs, isrBytes: pushBytes(node, version) }
}

/** What a storage node that has everything before is sent. */
function pushBytes(node: MetadataNode, version: number): number {
  const identity = {
    clusterId: '00000000-0000-4000-8000-000000000000',
    recoveryEpoch: 0,
    controllerTerm: 1,
    controllerId: 1,
    controllerUrl: 'http://metadata-1.example.org:9091',
  }
  const broker = { ...node.replica.image.broker(2)!, incarnationId: 'a process' }
  const subscriber = { broker, version, stateHash: null, repair: false, whole: [] }
  return Buffer.byteLength(updateFor(identity, node.replica, subscriber as never))
}

const COLUMNS: readonly [string, (figures: Figures) => string][] = [
  ['partitions', ({ partitions }) => partitions.toLocaleString('en')],
  ['create s', ({ createSeconds }) => createSeconds.toFixed(1)],
  ['resident MiB', ({ residentMib }) => residentMib.toFixed(0)],
  ['snapshot MiB', ({ snapshotMib }) => snapshotMib.toFixed(1)],
  ['snapshot ms', ({ snapshotMs }) => snapshotMs.toFixed(0)],
  ['restart ms', ({ restartMs }) => restartMs.toFixed(0)],
  ['loss: led', ({ lossLed }) => lossLed.toLocaleString('en')],
  ['entry B', ({ lossEntryBytes }) => String(lossEntryBytes)],
  ['loss ms', ({ lossMs }) => lossMs.toFixed(1)],
  ['stall ms', ({ lossStallMs }) => lossStallMs.toFixed(1)],
  ['ISR change: B', ({ isrBytes }) => String(isrBytes)],
  ['ms', ({ isrMs }) => isrMs.toFixed(1)],
]

function inItsOwnProcess(size: number): Figures {
  // As `dmq metadata` is started, and so that it can be told to collect its garbage.
  const args = [...HEAP_FLAGS, '--expose-gc', import.meta.filename, '--one', String(size)]
  const child = spawnSync(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  if (child.status !== 0) throw new Error(`the process for ${size} partitions ended with ${child.status}`)
  return JSON.parse(child.stdout) as Figures
}

if (values.one > 0) console.log(JSON.stringify(await measure(values.one)))
else {
  console.log(`${machineLine()}\n`)
  console.log(`| ${COLUMNS.map(([name]) => name).join(' | ')} |\n|${'---|'.repeat(COLUMNS.length)}`)
  for (const size of values.sizes) {
    const figures = inItsOwnProcess(size)
    console.log(`| ${COLUMNS.map(([, show]) => show(figures)).join(' | ')} |`)
  }
  console.log(
    '\ngoals at 2,000,000: under 512 MiB, restart under 5,000 ms, entry under 200 B, stall under 50 ms; at 1,000,000 a change under 1,024 B',
  )
}
