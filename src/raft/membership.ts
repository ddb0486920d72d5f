import { counted } from '../base/counted.ts'
import type { Core } from './core.ts'
import { CHANGE_MEMBERS, type NodeId } from './entry.ts'
import type { MemberChange } from './io.ts'
import { Progress } from './progress.ts'
import { hasQuorum } from './quorum.ts'
import { advanceCommit, isLive, successorsOf } from './replication.ts'
import { type Configuration, encodeConfiguration, membersOf, type Voter } from './voters.ts'

/**
 * Changes of membership (section 6), each an entry that is in force from the moment it is appended.
 *
 * ```
 *  voters 1 2 3, learner 4 --(add 4, remove 3)--> voters 1 2 4, outgoing 1 2 3 --(committed)--> voters 1 2 4
 * ```
 *
 * While `outgoing` is there, everything needs a majority of both sets; the leader leaves that state by itself as soon as
 * the entry that began it is committed, and so does one that inherited it. Adding or removing a single voter goes the
 * same way: one mechanism. Nothing is changed before the leader has committed an entry of its own term (two leaders
 * could else act on configurations without a common majority), nor before the change before is through.
 */
export function changeMembers(core: Core, change: MemberChange, token: number): void {
  const refuse = (why: string): void => void core.out.proposals.push({ token, refused: 'membership', why })
  if (core.role.kind !== 'leader') return void core.out.proposals.push({ token, refused: 'notLeader' })
  if (core.role.transfer !== null) return void core.out.proposals.push({ token, refused: 'transferring' })
  const current = core.configuration!
  if (core.commit < core.role.firstIndex)
    return refuse('this controller has not committed anything yet; try again')
  if (current.outgoing !== null || current.index > core.commit)
    return refuse('another change of members is under way; wait until it is through')
  const next = applyChange(core, current, change)
  if (typeof next === 'string') return refuse(next)
  const { index, term } = appendConfiguration(core, next)
  core.out.proposals.push({ token, entry: { index, term } })
  advanceCommit(core)
}

/** The configuration that the change leads to, or why there is none. */
function applyChange(core: Core, current: Configuration, change: MemberChange): Configuration | string {
  switch (change.kind) {
    case 'addLearner':
      return addLearner(current, change.learner)
    case 'removeLearner': {
      const learners = current.learners.filter(({ id }) => id !== change.id)
      return learners.length < current.learners.length
        ? { ...current, learners }
        : `node ${change.id} is not a learner`
    }
    case 'voters':
      return exchangeVoters(core, current, change)
  }
}

function addLearner(current: Configuration, learner: Voter): Configuration | string {
  const known = membersOf(current).find(({ id }) => id === learner.id)
  if (known === undefined) return { ...current, learners: [...current.learners, learner] }
  if (known.uuid === learner.uuid) return `node ${learner.id} is a member already`
  return (
    `node ${learner.id} is a member with data directory ${known.uuid}; remove it before it joins with ` +
    `data directory ${learner.uuid}`
  )
}

type Exchange = { readonly add: readonly NodeId[]; readonly remove: readonly NodeId[] }

function exchangeVoters(
  core: Core,
  current: Configuration,
  { add, remove }: Exchange,
): Configuration | string {
  const joining: Voter[] = []
  for (const id of add) {
    const learner = current.learners.find(member => member.id === id)
    if (learner === undefined) return `node ${id} is not a learner; it must have the log before it may vote`
    const progress = core.leader().progress.get(id)
    if (progress === undefined || progress.match === 0 || !isLive(core, progress))
      return `node ${id} does not answer; a majority that counts on it could be lost at once`
    const lag = core.log.lastIndex - progress.match
    if (lag > PROMOTION_LAG_MAX)
      return `node ${id} lacks ${counted(lag, 'entry', 'entries')}; a voter must be caught up`
    joining.push(learner)
  }
  for (const id of remove)
    if (!current.voters.some(voter => voter.id === id)) return `node ${id} is not a voter`
  const voters = [...current.voters.filter(({ id }) => !remove.includes(id)), ...joining]
  if (voters.length === 0) return 'the last voter cannot be removed'
  if (joining.length + remove.length === 0) return 'nothing would change'
  const why = lacksMajority(core, current, voters)
  if (why !== null) return why
  const learners = current.learners.filter(({ id }) => !add.includes(id))
  return { ...current, voters: voters.sort((a, b) => a.id - b.id), outgoing: current.voters, learners }
}

/** From the moment of the change on nothing goes without a majority of the new voters: one that is not there ends all service. */
function lacksMajority(core: Core, current: Configuration, voters: readonly Voter[]): string | null {
  const { progress } = core.leader()
  const answers = (id: NodeId): boolean => id === core.options.id || isLive(core, progress.get(id))
  if (hasQuorum({ ...current, voters, outgoing: null }, answers)) return null
  const missing = voters.filter(({ id }) => !answers(id)).map(({ id }) => id)
  return `of the ${counted(voters.length, 'voter')} that would remain, ${missing.join(', ')} ${missing.length === 1 ? 'does' : 'do'} not answer, and the others are no majority`
}

/** A learner that lags more would delay every commit once it votes. */
const PROMOTION_LAG_MAX = 1_000

function appendConfiguration(core: Core, configuration: Configuration) {
  const before = new Set(membersOf(core.configuration).map(({ id }) => id))
  const entry = core.appendOwn({ type: CHANGE_MEMBERS, data: encodeConfiguration(configuration) })
  const { progress } = core.leader()
  for (const { id } of membersOf(core.configuration)) {
    if (id === core.options.id || before.has(id)) continue
    // The index makes the session another one than that of an earlier membership in the same term.
    progress.set(id, new Progress(core.term + entry.index, entry.index, core.now))
  }
  return entry
}

/** A leader that is no voter any more leads until that is committed, and takes nothing that would come after it. */
export function isLeaving({ configuration, options }: Core): boolean {
  const { voters, outgoing } = configuration!
  return outgoing === null && !voters.some(({ id }) => id === options.id)
}

/** Called when the commit index has moved. */
export function configurationCommitted(core: Core): void {
  const current = core.configuration
  if (core.role.kind !== 'leader' || current === null || current.index > core.commit) return
  if (current.outgoing !== null) {
    appendConfiguration(core, { ...current, outgoing: null })
    // Less is needed now, so more may be committed.
    advanceCommit(core)
    return
  }
  core.role.leaversUntil = core.now + core.options.electionTimeoutMs
  releaseLeavers(core)
  if (isLeaving(core)) stepAside(core)
}

/**
 * Who is no member any more gets the entry that says so, and hears that it is committed: then it knows, and stays quiet.
 * If it does not answer, it is not waited for long.
 */
export function releaseLeavers(core: Core): void {
  const leader = core.leader()
  const current = core.configuration!
  const members = new Set(membersOf(current).map(({ id }) => id))
  for (const [id, { match, session }] of leader.progress) {
    if (members.has(id)) continue
    const knows = match >= current.index && current.index <= core.commit
    if (knows) core.send(id, { type: 'commitNotice', term: core.term, session, commit: current.index })
    if (knows || core.now >= leader.leaversUntil) leader.progress.delete(id)
  }
}

/** A leader that is no member any more makes room for one that is. */
function stepAside(core: Core): void {
  const [successor] = successorsOf(core, core.leader())
  if (successor !== undefined) core.send(successor, { type: 'timeoutNow', term: core.term })
  core.becomeFollower(core.term, null)
}
