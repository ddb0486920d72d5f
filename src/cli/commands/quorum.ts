import { type Command, InvalidArgumentError } from 'commander'
import { counted } from '../../base/counted.ts'
import type { ClusterKey } from '../../io/cluster-key.ts'
import {
  lastKnown,
  leaderView,
  type MemberView,
  noControllerText,
  pause,
  proofs,
  type QuorumView,
  STATUS,
} from '../quorum-read.ts'
import { RequestFailed, RestClient, type RestRequest } from '../rest-client.ts'
import { clusterOptions, inSession, type Session, wholeNumber } from '../session.ts'
import { sheet, table } from '../table.ts'

type ReadKey = (file: string | null, secret: string | null) => ClusterKey | null
type Members = Session & {
  /** Sends a request with the proof of the cluster key. */
  readonly ask: <T>(request: Omit<RestRequest, 'headers'>) => Promise<T>
  /** What the controller says of the quorum; asks it from then on. */
  readonly leaderView: (timeoutMs?: number) => Promise<QuorumView>
  readonly key: ClusterKey
}

/** Longer than an election takes. */
const PATIENCE_MS = 2_000
/** It is to run before it is added. */
const NEW_NODE_MS = 5_000
/** A learner that lacks no more is made a voter; the controller has the last word. */
const LAG_MAX = 100
/** Members answer heartbeats, ten times a second unless it is set otherwise: one that has been silent for so long is not there. */
const SILENT_MS = 3_000

/** `readKey` is handed in: where keys are kept is the server's business. */
export function quorum(program: Command, readKey: ReadKey): void {
  const group = withKey(program.command('quorum'))
    .description('show the Raft quorum, and change who is in it')
    .addHelpText(
      'after',
      '\nExamples:\n  dmq quorum\n  dmq quorum add 4 --url http://host4:9094\n  dmq quorum replace 3 4 --url http://host4:9094\n  dmq quorum transfer 2',
    )
    .action((_: unknown, command: Command) => withMembers(command, readKey, show))
  withKey(group.command('add <id>'))
    .description('add a metadata node: it gets the log as a learner, and then votes')
    .addHelpText('after', '\nExample:\n  dmq quorum add 4 --url http://host4:9094')
    .requiredOption(
      '--url <url>',
      'where the new node serves REST; it must run, with an empty data directory',
      restUrl,
    )
    .option('--learner', 'leave it a learner')
    .action((id: string, { url, learner }: { url: string; learner?: boolean }, command: Command) =>
      withMembers(command, readKey, members => add(members, { id: nodeId(id), url, vote: learner !== true })),
    )
  withKey(group.command('replace <old> <new>'))
    .description('put a new metadata node in the place of a voter, in one step')
    .addHelpText('after', '\nExample:\n  dmq quorum replace 3 4 --url http://host4:9094')
    .requiredOption('--url <url>', 'where the new node serves REST', restUrl)
    .action((old: string, id: string, { url }: { url: string }, command: Command) =>
      withMembers(command, readKey, members =>
        add(members, { id: nodeId(id), url, vote: true, replaces: nodeId(old) }),
      ),
    )
  withKey(group.command('remove <id>'))
    .description('remove a voter or a learner; then stop it')
    .addHelpText('after', '\nExample:\n  dmq quorum remove 3')
    .action((id: string, _: unknown, command: Command) =>
      withMembers(command, readKey, members => remove(members, nodeId(id))),
    )
  withKey(group.command('transfer [id]'))
    .description('hand leadership to a voter, or to the one that is furthest')
    .addHelpText('after', '\nExample:\n  dmq quorum transfer 2')
    .action((id: string | undefined, _: unknown, command: Command) =>
      withMembers(command, readKey, members => transfer(members, id === undefined ? null : nodeId(id))),
    )
}

function withKey(command: Command): Command {
  return clusterOptions(command).option(
    '--cluster-key-file <file>',
    'the cluster key (CLUSTER_KEY_FILE, CLUSTER_KEY)',
    process.env.CLUSTER_KEY_FILE,
  )
}

function restUrl(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text
  throw new InvalidArgumentError(`${JSON.stringify(text)} is no address; http://host4:9094 is expected.`)
}

function nodeId(text: string): number {
  const id = wholeNumber(text)
  if (id < 2 ** 31) return id
  throw new InvalidArgumentError('a node id is expected.')
}

async function withMembers(
  command: Command,
  readKey: ReadKey,
  work: (members: Members) => Promise<void>,
): Promise<void> {
  const { clusterKeyFile } = command.optsWithGlobals<{ clusterKeyFile?: string }>()
  const key = readKey(clusterKeyFile ?? null, process.env.CLUSTER_KEY ?? null)
  if (key === null)
    throw new RequestFailed(
      'UNAUTHENTICATED',
      'the quorum is shown to holders of the cluster key only; give --cluster-key-file',
    )
  await inSession(command, async session => {
    const { client, timeoutMs } = session
    const ask: Members['ask'] = request => client.send({ ...request, headers: proofs(key) })
    await work({ ...session, key, ask, leaderView: (ms = timeoutMs) => leaderView(client, key, ms) })
  })
}

/** Not for long: without a controller, what another node knows is what one needs to see. */
async function show({ client, leaderView, timeoutMs, note, print, key }: Members): Promise<void> {
  const view = await leaderView(Math.min(PATIENCE_MS, timeoutMs)).catch(async (error: unknown) => {
    const known =
      error instanceof RequestFailed && NOBODY_LEADS.has(error.code) ? await lastKnown(client, key) : null
    if (known === null) throw error
    note('NO_CONTROLLER', noControllerText(known))
    return known
  })
  print(view, () => quorumText(view))
}

const NOBODY_LEADS: ReadonlySet<string> = new Set(['NO_CONTROLLER', 'NOT_CONTROLLER', 'UNREACHABLE'])

type Joining = { id: number; url: string; vote: boolean; replaces?: number }

async function add(members: Members, { id, url, vote, replaces }: Joining): Promise<void> {
  const { ask, leaderView, print } = members
  const { hostname: host, port, protocol } = new URL(url)
  const before = await leaderView()
  const known = [...before.voters, ...before.learners].find(member => member.id === id)
  const isVoter = before.voters.some(voter => voter.id === id)
  // Before anything is done: what is half done must be taken back.
  if (replaces !== undefined && !isVoter) assertVoter(before, replaces)
  if (known === undefined) {
    const directoryUuid = await directoryOf(members, id, url)
    const body = {
      nodeId: id,
      role: 'LEARNER',
      directoryUuid,
      host,
      port: Number(port || (protocol === 'https:' ? 443 : 80)),
    }
    await ask({ method: 'POST', path: '/api/v1/raft/members', body })
    progress(`node ${id} is a learner and gets the log`)
  }
  if (vote && !isVoter) {
    await caughtUp(members, id)
    const body = { nodeId: id, role: 'VOTER', ...(replaces === undefined ? {} : { replaces }) }
    await ask({ method: 'POST', path: '/api/v1/raft/members', body })
  }
  const view = await settled(members)
  print(view, () => quorumText(view))
}

function assertVoter({ voters }: QuorumView, id: number): void {
  if (voters.some(voter => voter.id === id)) return
  throw new RequestFailed('MEMBERSHIP_CHANGE_REFUSED', `node ${id} is no voter; ${idsText(voters, 'voter')}`)
}

/** Such as `the voters are 1, 2, 3`. */
function idsText(members: readonly MemberView[], what: string): string {
  const ids = members.map(({ id }) => id).join(', ')
  return members.length === 1 ? `the only ${what} is ${ids}` : `the ${what}s are ${ids}`
}

/** The new node says itself which data directory it has. */
async function directoryOf({ key, timeoutMs }: Members, id: number, url: string): Promise<string> {
  const client = new RestClient([url.replace(/\/$/, '')], Math.min(timeoutMs, NEW_NODE_MS))
  try {
    const view = await client.send<QuorumView>({ ...STATUS, headers: proofs(key) })
    if (view.nodeId !== id)
      throw new RequestFailed('INVALID_REQUEST', `at ${url} runs node ${view.nodeId}, not node ${id}`)
    if (view.clusterId === null) return view.directoryUuid
    throw new RequestFailed(
      'CLUSTER_ID_MISMATCH',
      `node ${id} belongs to cluster ${view.clusterId} already; a node joins with an empty data directory`,
    )
  } finally {
    await client.close()
  }
}

async function caughtUp({ leaderView }: Members, id: number): Promise<void> {
  for (let told = -1; ; ) {
    const { learners, lastLogIndex } = await leaderView()
    const learner = learners.find(member => member.id === id)
    if (learner === undefined)
      throw new RequestFailed('MEMBERSHIP_CHANGE_REFUSED', `node ${id} is no learner any more`)
    const match = learner.matchIndex ?? 0
    // In a short log a node that has nothing yet lacks little as well: it must have answered.
    if (match > 0 && learner.lag !== null && learner.lag <= LAG_MAX) return
    const percent = Math.floor((100 * match) / lastLogIndex)
    if (percent !== told)
      progress(`node ${id} has ${percent} % of ${counted(lastLogIndex, 'entry', 'entries')}`)
    told = percent
    await pause()
  }
}

/** The second half of an exchange of voters follows by itself. */
async function settled({ leaderView }: Members): Promise<QuorumView> {
  for (;;) {
    const view = await leaderView()
    if (!view.changing) return view
    await pause()
  }
}

async function remove(members: Members, id: number): Promise<void> {
  const { voters, learners } = await members.leaderView()
  if ([...voters, ...learners].every(member => member.id !== id)) {
    const others = learners.length === 0 ? '' : `, ${idsText(learners, 'learner')}`
    throw new RequestFailed(
      'MEMBERSHIP_CHANGE_REFUSED',
      `node ${id} is no member of the quorum; ${idsText(voters, 'voter')}${others}`,
    )
  }
  await members.ask({ method: 'DELETE', path: `/api/v1/raft/members/${id}` })
  const view = await settled(members)
  members.print(view, () => quorumText(view))
}

async function transfer({ ask, leaderView, print }: Members, id: number | null): Promise<void> {
  await leaderView()
  await ask({ method: 'POST', path: '/api/v1/raft/transfer', body: id === null ? {} : { nodeId: id } })
  const view = await leaderView()
  print(view, () => quorumText(view))
}

/** Beside the output, for people who wait. */
function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** What a member is, as far as the controller hears of it: a silent one may be anything, or not be there. */
function stateText({ lastContactMs }: MemberView, role: string): string {
  if (lastContactMs === null || lastContactMs <= SILENT_MS) return role
  return role === 'FOLLOWER' ? 'UNREACHABLE' : `${role}, UNREACHABLE`
}

export function quorumText(view: QuorumView): string {
  const { nodeId, role: ownRole, clusterId, leaderId, term, commitIndex, lastLogIndex, changing } = view
  const { voters, learners } = view
  const leads = ownRole === 'LEADER'
  const head = sheet([
    ['cluster', clusterId],
    ['controller', leads ? leaderId : null],
    ...(leads ? [] : [['told by', `node ${nodeId}`] as [string, string]]),
    ['term', term],
    ['committed', `${commitIndex} of ${counted(lastLogIndex, 'entry', 'entries')}`],
    ...(changing ? [['members', 'a change is under way'] as [string, string]] : []),
  ])
  const row = (member: MemberView, role: string) => {
    const { id, matchIndex, lag, lastContactMs, uuid } = member
    const heardMsAgo = matchIndex === null ? null : lastContactMs
    return [id, stateText(member, role), matchIndex, lag, heardMsAgo, uuid]
  }
  // What the others are now only a controller hears.
  const voterRole = (id: number): string => {
    if (!leads) return id === nodeId ? ownRole : '-'
    return id === leaderId ? 'LEADER' : 'FOLLOWER'
  }
  const rows = [
    ...voters.map(voter => row(voter, voterRole(voter.id))),
    ...learners.map(learner => row(learner, 'LEARNER')),
  ]
  return `${head}\n\n${table(['NODE', 'ROLE', 'MATCH', 'LAG', 'HEARD MS AGO', 'DATA DIRECTORY'], rows)}`
}
