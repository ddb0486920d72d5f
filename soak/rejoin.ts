import { sampleOf, scrape } from '../test/api/exposition-format.ts'
import { Cluster, type NodeProcess, until } from '../test/cluster/processes.ts'
import { disagreements } from './agreement.ts'
import type { Report } from './report.ts'
import { createTopics, setRetention } from './topics.ts'
import { writers } from './writers.ts'

export type RejoinOptions = {
  readonly entries: number
  readonly clients: number
  readonly tell: (line: string) => void
  readonly args?: readonly string[]
}

const BROKER = 7
const CAUGHT_UP_MS_MAX = 600_000
const TELL_EVERY = 100_000

/**
 * A node is killed, the others write a long log behind its back, and it comes back: by a snapshot and the entries after it,
 * as the log that it lacks is gone.
 */
export async function rejoin({ entries, clients, tell, args = [] }: RejoinOptions): Promise<Report> {
  await using cluster = await Cluster.start({
    metadata: 3,
    storage: 0,
    args: ['--session-timeout-ms', '3600000', ...args],
  })
  await cluster.write('POST', '/brokers', { brokerId: BROKER, host: 'localhost', port: 9 })
  await createTopics(cluster, 'rejoin', clients, { assignments: [[BROKER]] })
  const controller = await cluster.controller()
  const absent = cluster.metadata.find(node => node !== controller)!
  await absent.end('SIGKILL')
  const left = (await logOf(controller)).last
  const writing = await write(controller, entries, clients, tell)
  const now = await logOf(controller)
  tell(
    `node ${absent.entry.id} lacks entries ${left + 1} to ${now.last}; the log of the others begins at ${now.first}`,
  )
  const began = performance.now()
  absent.start()
  await until('it has caught up', () => hasCaughtUp(absent, controller), CAUGHT_UP_MS_MAX)
  const caughtUpMs = performance.now() - began
  const there = await logOf(absent)
  const violations = [...writing.violations, ...(await disagreements(cluster.metadata))]
  if (there.installed === 0) violations.push('no snapshot was installed')
  if (there.first <= left + 1) violations.push(`it replayed all entries: its log begins at ${there.first}`)
  if (now.last - left < entries) violations.push(`it was away for ${now.last - left} entries only`)
  return {
    figures: {
      entriesAway: now.last - left,
      writeSeconds: writing.seconds,
      writesPerSecond: entries / writing.seconds,
      caughtUpMs,
      snapshotsInstalled: there.installed,
      snapshotBytes: there.snapshotBytes,
      entriesAfterSnapshot: there.last - there.first + 1,
    },
    violations,
  }
}

/** One small entry for each write; `violations`: what failed. */
async function write(
  { url }: NodeProcess,
  entries: number,
  clients: number,
  tell: (line: string) => void,
): Promise<{ seconds: number; violations: string[] }> {
  const violations: string[] = []
  const began = performance.now()
  let sent = 0
  let done = 0
  await writers({
    url,
    clients,
    next: client => setRetention(`rejoin-${client}`, ++sent),
    answered: (_, { status, code, message }) => {
      if (status !== 200) violations.push(`a write failed: ${status} ${code}: ${message}`)
      else if (++done % TELL_EVERY === 0) tell(`${done} entries`)
    },
    over: () => sent >= entries || violations.length > 0,
  })
  return { seconds: (performance.now() - began) / 1000, violations }
}

async function logOf(node: NodeProcess) {
  const families = await scrape(node)
  const of = (name: string, labels = {}): number => sampleOf(families, name, labels)!
  return {
    first: of('dmq_raft_log_first_index'),
    last: of('dmq_raft_log_last_index'),
    installed: of('dmq_snapshots_total', { result: 'installed' }),
    snapshotBytes: of('dmq_snapshot_size_bytes'),
  }
}

async function hasCaughtUp(node: NodeProcess, controller: NodeProcess): Promise<boolean> {
  try {
    const [behind, ahead] = await Promise.all([scrape(node), scrape(controller)])
    const applied = sampleOf(behind, 'dmq_raft_applied_index')!
    return sampleOf(behind, 'dmq_ready') === 1 && applied >= sampleOf(ahead, 'dmq_raft_commit_index')!
  } catch {
    // It does not listen yet.
    return false
  }
}
