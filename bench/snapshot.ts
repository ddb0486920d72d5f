// How long does the process stand still while it takes a snapshot, and how soon is it back from one?
// npm run bench -- snapshot [--partitions N]
//
// One metadata node in this process, on a real disk: topics of 10 partitions, replication 3, 30 brokers. Stall: the longest
// time between two turns of the event loop, with changes going on, while a snapshot is taken and while none is.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { MetadataNode } from '../src/server/metadata-node.ts'
import { closeLoneNode, fill, LoopWatch, MIB, openLoneNode, propose } from './lib/lone-node.ts'
import { machineLine } from './lib/machine.ts'
import { benchOptions } from './lib/options.ts'

const values = benchOptions(
  'snapshot',
  'How long does the process stand still while it takes a snapshot, and how soon is it back from one?',
  {
    partitions: [1_000_000, 'of the cluster'],
  },
)
const { partitions } = values
const folder = join('.dmq', `bench-${process.pid}`)
const BROKERS = 30
const PER_TOPIC = 10

/** Snapshots that were taken: when, how long it took, how large they are. */
const taken: { at: number; ms: number; bytes: number }[] = []
const open = (): Promise<MetadataNode> =>
  openLoneNode(folder, snapshot => void taken.push({ at: performance.now(), ...snapshot }))

function replicas(topic: number, partition: number): number[] {
  return [0, 1, 2].map(r => 1 + ((topic + partition * 7 + r * (1 + (partition % 9))) % BROKERS))
}

/** Changes, a few at a time, until a snapshot has been taken. Returns the gaps between turns of the loop. */
async function changesUntilSnapshot(node: MetadataNode): Promise<LoopWatch['gaps']> {
  const began = performance.now()
  const isFromNow = ({ at, ms }: { at: number; ms: number }) => at - ms > began
  const watch = new LoopWatch()
  for (let i = 0; !taken.some(isFromNow); i++) {
    const batch = Array.from({ length: 20 }, (_, n) => {
      const topicName = `topic-${(i * 20 + n) % (partitions / PER_TOPIC)}`
      const config = { 'retention.ms': String(1_000_000 + i) }
      return propose(node, { type: 'UpdateTopicConfigCommand', time: 1, topicName, config })
    })
    await Promise.all(batch)
  }
  await watch.stop()
  return watch.gaps
}

function longest(gaps: readonly { ms: number }[]): string {
  return Math.max(0, ...gaps.map(({ ms }) => ms)).toFixed(1)
}

console.log(machineLine())
const began = performance.now()
const node = await open()
await fill(node, { brokers: BROKERS, partitions, partitionsPerTopic: PER_TOPIC, replicas })
console.log(`\n${partitions} partitions created in ${((performance.now() - began) / 1000).toFixed(1)} s`)
const gaps = await changesUntilSnapshot(node)
const snapshot = taken.at(-1)!
const during = gaps.filter(({ at }) => at >= snapshot.at - snapshot.ms - 5 && at <= snapshot.at + 5)
const outside = gaps.filter(gap => !during.includes(gap))
const { stateHash } = node.replica.image
await closeLoneNode(node)
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
await closeLoneNode(again)
rmSync(folder, { recursive: true })
