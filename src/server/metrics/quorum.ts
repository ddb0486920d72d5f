import type { Consensus } from '../../consensus/consensus.ts'
import type { RoleName, VoterStatus } from '../../raft/io.ts'
import type { Exposition } from './exposition.ts'
import type { LeadershipWatch } from './leadership-watch.ts'

const ROLES: readonly RoleName[] = ['FOUNDING', 'FOLLOWER', 'CANDIDATE', 'LEADER']

type Quorum = {
  readonly consensus: Pick<Consensus, 'status' | 'leadership'>
  readonly leaderships: LeadershipWatch
  readonly isConnected: (nodeId: number) => boolean
}

/** Who leads, since when, and how far everybody is. */
export function quorumMetrics(exposition: Exposition, quorum: Quorum): void {
  const { consensus } = quorum
  const status = exposition.once(() => consensus.status())
  leadershipMetrics(exposition, quorum)
  exposition.gauge({ name: 'dmq_raft_term', help: 'Current term.' }, () => status().term)
  exposition.gauges(
    { name: 'dmq_raft_role', help: '1 for the role that the node has, 0 for the others.', labels: ['role'] },
    tell => {
      for (const role of ROLES) tell(Number(status().role === role), { role })
    },
  )
  exposition.gauge(
    { name: 'dmq_raft_leader_id', help: 'Id of the controller that this node knows; -1: none.' },
    () => status().leader ?? -1,
  )
  exposition.counter(
    {
      name: 'dmq_raft_read_rounds_total',
      help: 'Rounds of heartbeats that confirmed reads (ReadIndex); one serves many reads.',
    },
    () => status().tally.readRounds,
  )
  positionMetrics(exposition, status)
  standingMetrics(exposition, status)
  peerMetrics(exposition, quorum, status)
}

type ReadStatus = () => ReturnType<Consensus['status']>

function leadershipMetrics(exposition: Exposition, { consensus, leaderships }: Quorum): void {
  const tally = exposition.once(() => consensus.status().tally)
  exposition.gauge(
    {
      name: 'dmq_controller_active',
      help: '1: this node is the controller and at work. The sum over all nodes is 1.',
    },
    () => Number(consensus.leadership.ready),
  )
  exposition.gauge(
    {
      name: 'dmq_controller_leadership_seconds',
      help: 'For how long this node has been the controller; 0: it is not.',
    },
    () => leaderships.leadingMs / 1_000,
  )
  exposition.counter(
    {
      name: 'dmq_raft_leader_changes_total',
      help: 'Controllers that this node has followed or been, one for each term.',
    },
    () => leaderships.changes,
  )
  exposition.counter(
    { name: 'dmq_raft_prevotes_total', help: 'How often this node asked whether it could win an election.' },
    () => tally().preVotes,
  )
  exposition.counter(
    { name: 'dmq_raft_elections_started_total', help: 'Elections that this node began.' },
    () => tally().elections,
  )
  exposition.counter(
    { name: 'dmq_raft_elections_won_total', help: 'Elections that this node won.' },
    () => tally().won,
  )
}

function positionMetrics(exposition: Exposition, status: ReadStatus): void {
  exposition.gauge(
    { name: 'dmq_raft_commit_index', help: 'Last log entry that this node knows to be committed.' },
    () => status().commit,
  )
  exposition.gauge(
    { name: 'dmq_raft_applied_index', help: 'Last log entry that is in the metadata of this node.' },
    () => status().applied,
  )
  exposition.gauge(
    { name: 'dmq_raft_durable_index', help: 'Last log entry that is on the disk of this node.' },
    () => status().durable,
  )
  exposition.gauge(
    {
      name: 'dmq_raft_log_first_index',
      help: 'First entry of the log; what came before is in the snapshot.',
    },
    () => status().first,
  )
  exposition.gauge(
    { name: 'dmq_raft_log_last_index', help: 'Last entry of the log.' },
    () => status().last.index,
  )
}

function standingMetrics(exposition: Exposition, status: ReadStatus): void {
  const seconds = (ms: number | null | undefined): number | null => (ms == null ? null : ms / 1_000)
  exposition.gauge(
    { name: 'dmq_raft_leader_heard_age_seconds', help: 'Of a follower: since it last heard the controller.' },
    () => seconds(status().standing.leaderHeardAgeMs),
  )
  exposition.gauge(
    {
      name: 'dmq_raft_behind_entries',
      help: 'Of a follower: committed entries that it has not applied yet.',
    },
    () => status().standing.behind?.entries ?? null,
  )
  exposition.gauge(
    {
      name: 'dmq_raft_behind_seconds',
      help: 'Of a follower: for how long it has lacked something that was committed.',
    },
    () => seconds(status().standing.behind?.ms),
  )
  exposition.gauge(
    {
      name: 'dmq_raft_quorum_heard_age_seconds',
      help: 'Of the controller: since a majority last answered it.',
    },
    () => seconds(status().standing.quorumHeardAgeMs),
  )
  exposition.gauge(
    {
      name: 'dmq_raft_commit_stalled_seconds',
      help: 'Of the controller: how long entries have waited while none was committed; 0: none waits.',
    },
    () => seconds(status().standing.stalledMs),
  )
}

function peerMetrics(exposition: Exposition, { isConnected }: Quorum, status: ReadStatus): void {
  const peers = (): VoterStatus[] => {
    const { id, voters, learners } = status()
    return [...voters, ...learners].filter(member => member.id !== id)
  }
  exposition.gauge(
    { name: 'dmq_raft_voters', help: 'Metadata nodes that vote.' },
    () => status().voters.length,
  )
  exposition.gauge(
    { name: 'dmq_raft_learners', help: 'Metadata nodes that get the log and do not vote.' },
    () => status().learners.length,
  )
  exposition.gauges(
    {
      name: 'dmq_raft_peer_connected',
      help: '1: the stream to that metadata node is open.',
      labels: ['peer'],
    },
    tell => {
      for (const { id } of peers()) tell(Number(isConnected(id)), { peer: id })
    },
  )
  exposition.gauges(
    {
      name: 'dmq_raft_peer_lag_entries',
      help: 'Of the controller: entries of its log that the other node is not known to have.',
      labels: ['peer'],
    },
    tell => {
      for (const { id, match } of peers()) if (match !== null) tell(status().last.index - match, { peer: id })
    },
  )
  exposition.gauges(
    {
      name: 'dmq_raft_peer_contact_age_seconds',
      help: 'Of the controller: since the other node last answered.',
      labels: ['peer'],
    },
    tell => {
      for (const { id, contactAgeMs } of peers())
        if (contactAgeMs !== null) tell(contactAgeMs / 1_000, { peer: id })
    },
  )
}
