import { cpus, loadavg } from 'node:os'
import { createHistogram } from 'node:perf_hooks'
import { sampleOf, scrape } from '../test/api/exposition-format.ts'
import { Cluster } from '../test/cluster/processes.ts'
import { electionsBetween, standings } from './quorum.ts'
import type { Report } from './report.ts'
import { createTopics, setRetention } from './topics.ts'
import { warningsOf } from './warnings.ts'
import { writers } from './writers.ts'

export type LoadOptions = {
  readonly seconds: number
  readonly nodes: number
  readonly storage: number
  readonly clients: number
  readonly tell: (line: string) => void
}

const TELL_EVERY_MS = 30_000

/**
 * As many writes as the controller takes, with the options that nodes have by default, and no fault: load is no reason for
 * an election, for a write that fails, or for a storage node that counts as lost.
 */
export async function load({ seconds, nodes, storage, clients, tell }: LoadOptions): Promise<Report> {
  await using cluster = await Cluster.start({ metadata: nodes, storage })
  const replicationFactor = Math.min(3, storage)
  await createTopics(cluster, 'load', clients, { numPartitions: 1, replicationFactor })
  const controller = await cluster.controller()
  const before = await standings(cluster.metadata)
  const loadBefore = loadavg()[0]!
  const cores = coreTimes()
  const { acknowledged, failed, latencies, ranMs } = await write(controller.url, clients, seconds, tell)
  const coresBusy = busyShare(cores, coreTimes())
  const after = await standings(cluster.metadata)
  const fenced = sampleOf(await scrape(controller), 'dmq_brokers_fenced') ?? Number.NaN
  const failures = [...failed].map(([answer, count]) => `${count} writes failed: ${answer}`)
  const violations = [
    ...electionsBetween(before, after),
    ...failures,
    ...(acknowledged === 0 ? ['nothing was written'] : []),
    ...(fenced === 0 ? [] : [`${fenced} storage nodes are fenced`]),
  ]
  if (violations.length > 0) warningsOf(cluster.all).forEach(tell)
  return {
    figures: {
      writes: acknowledged,
      writesPerSecond: acknowledged / (ranMs / 1000),
      p50Ms: latencies.percentile(50) / 1000,
      p99Ms: latencies.percentile(99) / 1000,
      longestMs: latencies.max / 1000,
      failed: [...failed.values()].reduce((sum, count) => sum + count, 0),
      term: after[0]!.term,
      preVotes: sum(after) - sum(before),
      brokersFenced: fenced,
      coresBusyShare: coresBusy,
      loadAverageBefore: loadBefore,
      loadAverageAfter: loadavg()[0]!,
    },
    violations,
  }
}

function sum(standings: readonly { preVotes: number }[]): number {
  return standings.reduce((all, { preVotes }) => all + preVotes, 0)
}

async function write(url: string, clients: number, seconds: number, tell: (line: string) => void) {
  // Microseconds.
  const latencies = createHistogram()
  const failed = new Map<string, number>()
  let acknowledged = 0
  let value = 0
  const began = performance.now()
  let told = { at: began, acknowledged }
  const over = (): boolean => performance.now() - began >= seconds * 1000
  await writers({
    url,
    clients,
    next: client => setRetention(`load-${client}`, ++value),
    answered: (_, { status, code, message, tookMs }) => {
      if (status === 200) {
        acknowledged += 1
        latencies.record(Math.max(1, Math.round(tookMs * 1000)))
      } else {
        const answer = `${status} ${code}: ${message}`
        failed.set(answer, (failed.get(answer) ?? 0) + 1)
      }
      const now = performance.now()
      if (now - told.at < TELL_EVERY_MS) return
      tell(`${Math.round((acknowledged - told.acknowledged) / ((now - told.at) / 1000))} writes/s`)
      told = { at: now, acknowledged }
    },
    over,
  })
  return { acknowledged, failed, latencies, ranMs: performance.now() - began }
}

type CoreTimes = { readonly idle: number; readonly all: number }

function coreTimes(): CoreTimes {
  const times = cpus().map(cpu => cpu.times)
  const all = times.flatMap(time => Object.values(time)).reduce((a, b) => a + b, 0)
  return { idle: times.reduce((idle, time) => idle + time.idle, 0), all }
}

/** 1: no core was ever idle, whoever used it. */
function busyShare(before: CoreTimes, after: CoreTimes): number {
  return 1 - (after.idle - before.idle) / (after.all - before.all)
}
