import { setTimeout as pause } from 'node:timers/promises'
import { Cluster, type NodeProcess, until } from '../test/cluster/processes.ts'
import { disagreements } from './agreement.ts'
import { growthAfter, type MemorySample, memoryOf } from './memory.ts'
import { type Creation, RefusedWrites } from './refused-writes.ts'
import type { Report } from './report.ts'
import { writers } from './writers.ts'

export type MinorityOptions = {
  readonly seconds: number
  /** Enough refused writes end it earlier. */
  readonly refusalsMax?: number
  readonly clients: number
  /** `stop`: the others stand still and keep their connections (SIGSTOP); `kill`: they are gone (SIGKILL). */
  readonly gone: 'stop' | 'kill'
  readonly tell: (line: string) => void
}

const MIB = 2 ** 20
const SETTLE_MS = 60_000
const SAMPLE_MS = 2_000
/** More growth than this, of resident memory or of the heap's floor, is a leak. */
const GROWTH_BYTES_MAX = 32 * MIB
/** Who is refused tries again a little later, as a client would. */
const PAUSE_MS = 5
const LIVE_MS = 300
const BROKER = 7

/**
 * Two of three metadata nodes go, and clients offer writes to the third, which was the controller. It must refuse each with a
 * clear error in bounded time, and hold on to none of them. When the others are back, the cluster serves, and nothing that
 * was refused is there.
 */
export async function minority(options: MinorityOptions): Promise<Report> {
  const { seconds, refusalsMax = Number.POSITIVE_INFINITY, clients, gone, tell } = options
  await using cluster = await Cluster.start({
    metadata: 3,
    storage: 0,
    args: ['--session-timeout-ms', '3600000'],
  })
  await cluster.write('POST', '/brokers', { brokerId: BROKER, host: 'localhost', port: 9 })
  const survivor = await cluster.controller()
  const others = cluster.metadata.filter(node => node !== survivor)
  await leave(others, gone)
  tell(`node ${survivor.entry.id} is alone, the others: ${gone}`)
  const writes = new RefusedWrites(BROKER)
  const began = performance.now()
  const over = (): boolean => performance.now() - began >= seconds * 1000 || writes.refusals >= refusalsMax
  const [samples] = await Promise.all([
    watch(survivor, over, tell),
    writers<Creation>({
      url: survivor.url,
      clients,
      next: client => writes.next(client),
      answered: (write, answer) => {
        writes.answered(write, answer)
        return pause(PAUSE_MS)
      },
      over,
    }),
  ])
  const ranMs = performance.now() - began
  const backMs = await comeBack(cluster, others, gone)
  tell(`the others are back, and every node takes writes after ${Math.round(backMs)} ms`)
  const growth = growthAfter(began + Math.min(SETTLE_MS, ranMs / 3), samples)
  const last = samples.at(-1)
  return {
    figures: {
      refused: writes.refusals,
      refusedPerSecond: writes.refusals / (ranMs / 1000),
      unknown: writes.unknown.size,
      answers: Object.fromEntries(writes.answers),
      longestAnswerMs: writes.longestMs,
      rssMiB: last === undefined ? null : last.rssBytes / MIB,
      rssGrowthMiB: growth === null ? null : growth.rssBytes / MIB,
      heapFloorGrowthMiB: growth === null ? null : growth.heapUsedBytes / MIB,
      growthMiBMax: GROWTH_BYTES_MAX / MIB,
      takesWritesAgainMs: backMs,
    },
    violations: [
      ...writes.violations,
      ...(writes.refusals === 0 ? ['nothing was refused'] : []),
      ...leaks(growth),
      ...(await writes.surprises(cluster.metadata)),
      ...(await disagreements(cluster.metadata)),
    ],
  }
}

function leaks(growth: ReturnType<typeof growthAfter>): string[] {
  return Object.entries(growth ?? {})
    .filter(([, bytes]) => bytes > GROWTH_BYTES_MAX)
    .map(
      ([what, bytes]) => `${what} grew by ${Math.round(bytes / MIB)} MiB, ${GROWTH_BYTES_MAX / MIB} at most`,
    )
}

/** Returns when they are certain to answer nobody. */
async function leave(nodes: readonly NodeProcess[], gone: 'stop' | 'kill'): Promise<void> {
  if (gone === 'kill') await Promise.all(nodes.map(node => node.end('SIGKILL')))
  else for (const node of nodes) node.pause()
  await Promise.all(
    nodes.map(node => until(`node ${node.entry.id} is silent`, async () => !(await lives(node)))),
  )
}

async function lives({ url }: NodeProcess): Promise<boolean> {
  const signal = AbortSignal.timeout(LIVE_MS)
  return fetch(`${url}/health/live`, { signal }).then(
    () => true,
    () => false,
  )
}

async function watch(
  node: NodeProcess,
  over: () => boolean,
  tell: (line: string) => void,
): Promise<MemorySample[]> {
  const samples: MemorySample[] = []
  while (!over()) {
    const sample = await memoryOf(node)
    if (samples.length % 15 === 0)
      tell(
        `rss ${Math.round(sample.rssBytes / MIB)} MiB, heap used ${Math.round(sample.heapUsedBytes / MIB)} MiB`,
      )
    samples.push(sample)
    await pause(SAMPLE_MS)
  }
  return samples
}

/** Returns how long it takes until a write at every node is done. */
async function comeBack(
  cluster: Cluster,
  others: readonly NodeProcess[],
  gone: 'stop' | 'kill',
): Promise<number> {
  const began = performance.now()
  for (const node of others) gone === 'kill' ? node.start() : node.wake()
  for (const node of cluster.metadata) await RefusedWrites.isTakenAgain(node, BROKER)
  return performance.now() - began
}
