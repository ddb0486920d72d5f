import { Argument, type Command, InvalidArgumentError } from 'commander'
import { counted } from '../../base/counted.ts'
import { brokerList, partitionName, partitionNames, type TopicPartition } from '../partition-name.ts'
import { type ErrorView, inOurWords } from '../remedies.ts'
import { RequestFailed } from '../rest-client.ts'
import { clusterOptions, inSession, type Session } from '../session.ts'
import { table } from '../table.ts'
import { type TopicView, timeText } from '../views.ts'

const PATH = '/api/v1/metadata/reassignments'

type Move = {
  topic: string
  partition: number
  replicas: number[]
  target: number[]
  cause: string
  startedAt: number
  state: 'MOVING' | 'WAITING'
  waitsFor: string[]
}
type Outcome = 'MOVING' | 'WAITING' | 'DONE' | 'UNCHANGED' | 'GIVEN_UP'
type Result = {
  topic: string
  partition: number
  outcome?: Outcome
  error?: ErrorView
}

const OUTCOMES = {
  MOVING: 'begun',
  WAITING: 'waits',
  GIVEN_UP: 'given up meanwhile',
  DONE: 'done: nothing had to be copied',
  UNCHANGED: 'nothing to do: it is so, or is to be, already',
} as const satisfies Record<Outcome, string>

export function reassign(program: Command): void {
  const group = program.command('reassign').description('move replicas of partitions to other brokers')
  clusterOptions(group.command('start'))
    .argument('<moves...>', 'as orders-3=101,102,104', moves)
    .description('begin moves: PARTITION=BROKERS, the preferred leader first')
    .addHelpText('after', '\nExample:\n  dmq reassign start orders-3=101,102,104 orders-4=102,104,101')
    .action(async (body: PlannedMove[], _options: object, command: Command) => {
      await inSession(command, async session => {
        const { client, print } = session
        const before = await replicasOf(session, body)
        const answer = await client.send<{ results: Result[] }>({ method: 'POST', path: PATH, body })
        print(answer, () => startedText(body, before, answer.results))
        if (answer.results.some(({ error }) => error !== undefined)) process.exitCode = 1
      })
    })
  clusterOptions(group.command('list'))
    .alias('ls')
    .description('show the moves that are under way or wait for their turn, and what each waits for')
    .addHelpText('after', '\nExample:\n  dmq reassign list')
    .action(async (_options: object, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        const answer = await client.send<{ reassignments: Move[] }>({ method: 'GET', path: PATH })
        print(answer.reassignments, () => movesText(answer.reassignments))
      })
    })
  throttle(group)
  clusterOptions(group.command('cancel'))
    .argument('<partitions...>', 'as orders-3', partitionNames)
    .description('cancel moves: the replicas are those of before')
    .addHelpText(
      'after',
      '\nExamples:\n  dmq reassign cancel orders-3\n  dmq reassign cancel orders-3 orders-4',
    )
    .action(async (partitions: TopicPartition[], _options: object, command: Command) => {
      await inSession(command, session => cancel(session, partitions))
    })
}

type Throttle = {
  movesMax: number
  setBy: 'OPERATOR' | 'CONFIGURATION'
  moving: number
  waiting: number
  holdsOperators: boolean
}

function throttle(group: Command): void {
  const limit = new Argument('[n]', 'at most so many at a time; 0: begin no more').argParser(atATime)
  clusterOptions(group.command('throttle'))
    .addArgument(limit)
    .description('show or change how many partitions are moved at a time')
    .option('--reset', 'as the metadata nodes are configured (reassignment.max-moves)')
    .addHelpText(
      'after',
      '\nExamples:\n  dmq reassign throttle\n  dmq reassign throttle 5\n  dmq reassign throttle 0    # moves that have begun go on\n  dmq reassign throttle --reset',
    )
    .action(async (n: number | undefined, { reset }: { reset?: boolean }, command: Command) => {
      if (n !== undefined && reset === true) command.error('error: give a number, or --reset, not both')
      await inSession(command, async ({ client, print }) => {
        const path = `${PATH}/throttle`
        const changes = n !== undefined || reset === true
        const state = changes
          ? await client.send<Throttle>({ method: 'PATCH', path, body: { movesMax: n ?? null } })
          : await client.send<Throttle>({ method: 'GET', path })
        print(state, () => throttleText(state))
      })
    })
}

function atATime(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 10_000)
    throw new InvalidArgumentError(`${JSON.stringify(text)} is no number of moves; 0 to 10000 is expected.`)
  return Number(text)
}

function throttleText({ movesMax, setBy, moving, waiting, holdsOperators }: Throttle): string {
  const by = setBy === 'OPERATOR' ? 'dmq reassign throttle' : 'reassignment.max-moves'
  const limit = movesMax === 0 ? 'no more moves begin' : `at most ${counted(movesMax, 'move')} at a time`
  const state = `${limit} (${by}); ${moving} under way, ${waiting} waiting`
  if (holdsOperators) return state
  return `${state}. Moves that you start do not wait below level 4 of metadata.version: dmq features upgrade raises it`
}

/** Each by itself: one that is over already is no reason to go on with the others. */
async function cancel({ client, print }: Session, partitions: readonly TopicPartition[]): Promise<void> {
  const cancelled: string[] = []
  const refused: RequestFailed[] = []
  for (const { topic, partition } of partitions) {
    const path = `${PATH}/${encodeURIComponent(topic)}/${partition}`
    try {
      await client.send({ method: 'DELETE', path })
      cancelled.push(`${topic}-${partition}`)
    } catch (error) {
      if (!(error instanceof RequestFailed) || !OF_ONE_MOVE.has(error.code)) throw error
      refused.push(error)
    }
  }
  if (cancelled.length > 0) {
    const answer = partitions.length === 1 ? { cancelled: cancelled[0] } : { cancelled }
    print(answer, () => cancelled.map(name => `the move of ${name} is cancelled`).join('\n'))
  }
  const [first] = refused
  if (first === undefined) return
  throw new RequestFailed(first.code, refused.map(({ message }) => message).join('\n'), first.details)
}

/** What is said of one of the partitions, and leaves the others as they are. */
const OF_ONE_MOVE: ReadonlySet<string> = new Set([
  'NO_REASSIGNMENT_IN_PROGRESS',
  'UNKNOWN_TOPIC',
  'UNKNOWN_PARTITION',
])

export type PlannedMove = TopicPartition & { readonly replicas: number[] }

export function moves(text: string, before: readonly PlannedMove[] = []): PlannedMove[] {
  return [...before, move(text)]
}

function move(text: string): PlannedMove {
  const [name, brokers, ...rest] = text.split('=')
  if (brokers === undefined || rest.length > 0)
    throw new InvalidArgumentError(`${JSON.stringify(text)} is no move; orders-3=101,102,104 is expected.`)
  return { ...partitionName(name!), replicas: brokerList(brokers) }
}

/** Where partitions are now; null: there is no such partition, which the server will say. One request for each topic. */
async function replicasOf(
  { client }: Session,
  moves: readonly PlannedMove[],
): Promise<(readonly number[] | null)[]> {
  const topics = new Map<string, TopicView | null>()
  for (const topic of new Set(moves.map(move => move.topic))) {
    const path = `/api/v1/metadata/topics/${encodeURIComponent(topic)}`
    topics.set(topic, await client.send<TopicView>({ method: 'GET', path }).catch(unknownIsNull))
  }
  return moves.map(({ topic, partition }) => topics.get(topic)?.partitions[partition]?.replicas ?? null)
}

function unknownIsNull(error: unknown): null {
  if (error instanceof RequestFailed && error.code.startsWith('UNKNOWN_')) return null
  throw error
}

/** What was begun, from where to where, and how to follow it. */
function startedText(
  moves: readonly PlannedMove[],
  before: readonly (readonly number[] | null)[],
  results: readonly Result[],
): string {
  const rows = results.map(({ topic, partition, outcome = 'MOVING', error }, i) => [
    `${topic}-${partition}`,
    before[i]?.join() ?? null,
    moves[i]!.replicas.join(),
    error === undefined ? OUTCOMES[outcome] : inOurWords(error).message,
  ])
  const begun = table(['PARTITION', 'FROM', 'TO', 'RESULT'], rows)
  const goingOn = results.filter(({ outcome }) => outcome === 'MOVING' || outcome === 'WAITING').map(nameOf)
  if (goingOn.length === 0) return begun
  const [one] = goingOn
  return (
    `${begun}\n\n${begunText(results)} dmq reassign list shows what each still waits for, ` +
    `and nothing when all are done; dmq reassign cancel ${one} takes ${goingOn.length === 1 ? 'it' : 'one'} back.`
  )
}

function begunText(results: readonly Result[]): string {
  const count = (wanted: Outcome): number => results.filter(({ outcome }) => outcome === wanted).length
  const [moving, waiting] = [count('MOVING'), count('WAITING')]
  if (waiting === 0) return `${counted(moving, 'move')} under way.`
  return moving === 0
    ? `${counted(waiting, 'move')} waiting.`
    : `${counted(moving, 'move')} under way, ${waiting} waiting.`
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

function movesText(moves: readonly Move[]): string {
  const rows = moves.map(({ topic, partition, replicas, target, cause, state, startedAt, waitsFor }) => [
    `${topic}-${partition}`,
    replicas.join(','),
    target.join(','),
    cause,
    state,
    timeText(startedAt),
    waitsFor.join('; '),
  ])
  return table(['PARTITION', 'REPLICAS', 'TARGET', 'CAUSE', 'STATE', 'SINCE', 'WAITS FOR'], rows)
}
