import type { Measures } from '../../consensus/measures.ts'
import type { Exposition } from './exposition.ts'

/** Writes and reads on their way through the log, the log itself, and its snapshots. */
export function consensusMetrics(exposition: Exposition, measures: Measures): void {
  proposalMetrics(exposition, measures)
  readMetrics(exposition, measures)
  logMetrics(exposition, measures)
  snapshotMetrics(exposition, measures)
}

function proposalMetrics(exposition: Exposition, { proposals }: Measures): void {
  exposition.latency(
    {
      name: 'dmq_raft_commit_latency_seconds',
      help: 'From a proposal at this node until its entry is committed and applied here.',
    },
    proposals.latencyMs,
  )
  exposition.gauge(
    { name: 'dmq_raft_proposals_in_flight', help: 'Proposals of this node that wait for their commit.' },
    () => proposals.inFlight,
  )
  exposition.counters(
    {
      name: 'dmq_raft_proposals_refused_total',
      help: 'Proposals that were not taken into the log, by reason.',
      labels: ['reason'],
    },
    tell => {
      for (const [reason, count] of Object.entries(proposals.refused)) tell(count, { reason })
    },
  )
  exposition.counter(
    {
      name: 'dmq_raft_proposals_timed_out_total',
      help: 'Proposals whose outcome was not known in time (504).',
    },
    () => proposals.timedOut,
  )
}

function readMetrics(exposition: Exposition, { reads }: Measures): void {
  exposition.counters(
    {
      name: 'dmq_raft_reads_total',
      help: 'Linearizable reads at this node, by result: confirmed, or not in time.',
      labels: ['result'],
    },
    tell => {
      tell(reads.confirmed, { result: 'confirmed' })
      tell(reads.unconfirmed, { result: 'unconfirmed' })
    },
  )
  exposition.gauge(
    { name: 'dmq_raft_reads_waiting', help: 'Linearizable reads that wait to be confirmed.' },
    () => reads.waiting,
  )
}

function logMetrics(exposition: Exposition, { disk }: Measures): void {
  exposition.latency(
    {
      name: 'dmq_raft_log_write_latency_seconds',
      help: 'From the moment a write of the log is wanted until it is durable (append and sync).',
    },
    disk.writeMs,
  )
  exposition.gauge(
    {
      name: 'dmq_raft_log_write_oldest_seconds',
      help: 'For how long the oldest write of the log has been under way; 0: none is.',
    },
    () => disk.oldestMs / 1_000,
  )
  exposition.gauge(
    { name: 'dmq_disk_slow', help: '1: a write of the log takes longer than half an election timeout.' },
    () => Number(disk.isSlow),
  )
}

function snapshotMetrics(exposition: Exposition, { snapshots }: Measures): void {
  exposition.gauge(
    {
      name: 'dmq_snapshot_size_bytes',
      help: 'Size of the newest snapshot of the metadata; 0: there is none.',
    },
    () => snapshots.lastBytes,
  )
  exposition.gauge(
    {
      name: 'dmq_snapshot_age_seconds',
      help: 'Since this process last took or took over a snapshot; before that, since it started.',
    },
    () => snapshots.ageMs / 1_000,
  )
  exposition.gauge(
    { name: 'dmq_snapshot_duration_seconds', help: 'How long the last snapshot took to write.' },
    () => (snapshots.lastMs === null ? null : snapshots.lastMs / 1_000),
  )
  exposition.counters(
    {
      name: 'dmq_snapshots_total',
      help: 'Snapshots by result: taken, installed (of another node), failed.',
      labels: ['result'],
    },
    tell => {
      for (const [result, count] of Object.entries(snapshots.counts)) tell(count, { result })
    },
  )
  exposition.gauge(
    {
      name: 'dmq_raft_log_bytes_since_snapshot',
      help: 'Bytes of entries that were applied since the last snapshot.',
    },
    () => snapshots.bytesSince,
  )
}
