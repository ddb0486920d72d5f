import { type Command, InvalidArgumentError } from 'commander'
import { brokerList, partitionName, type TopicPartition } from '../partition-name.ts'
import { clusterOptions, inSession } from '../session.ts'
import { table } from '../table.ts'
import { timeText } from '../views.ts'

const PATH = '/api/v1/metadata/reassignments'

type Move = {
  topic: string
  partition: number
  replicas: number[]
  target: number[]
  cause: string
  startedAt: number
  waitsFor: string[]
}
type Outcome = 'MOVING' | 'DONE' | 'UNCHANGED'
type Result = {
  topic: string
  partition: number
  outcome?: Outcome
  error?: { code: string; message: string }
}

const OUTCOMES = {
  MOVING: 'accepted',
  DONE: 'done',
  UNCHANGED: 'nothing to do',
} as const satisfies Record<Outcome, string>

export function reassign(program: Command): void {
  const group = program.command('reassign').description('move replicas of partitions to other brokers')
  clusterOptions(group.command('start'))
    .argument('<moves...>', 'as orders-3=101,102,104', moves)
    .description('begin moves: PARTITION=BROKERS, the preferred leader first')
    .addHelpText('after', '\nExample:\n  dmq reassign start orders-3=101,102,104 orders-4=102,104,101')
    .action(async (body: PlannedMove[], _options: object, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        const answer = await client.send<{ results: Result[] }>({ method: 'POST', path: PATH, body })
        print(answer, () => resultsText(answer.results))
        if (answer.results.some(({ error }) => error !== undefined)) process.exitCode = 1
      })
    })
  clusterOptions(group.command('list'))
    .alias('ls')
    .description('show the moves under way, and what each waits for')
    .addHelpText('after', '\nExample:\n  dmq reassign list')
    .action(async (_options: object, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        const answer = await client.send<{ reassignments: Move[] }>({ method: 'GET', path: PATH })
        print(answer.reassignments, () => movesText(answer.reassignments))
      })
    })
  clusterOptions(group.command('cancel'))
    .argument('<partition>', 'as orders-3', partitionName)
    .description('cancel a move: the replicas are those of before')
    .addHelpText('after', '\nExample:\n  dmq reassign cancel orders-3')
    .action(async ({ topic, partition }: TopicPartition, _options: object, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        await client.send({ method: 'DELETE', path: `${PATH}/${encodeURIComponent(topic)}/${partition}` })
        const name = `${topic}-${partition}`
        print({ cancelled: name }, () => `the move of ${name} is cancelled`)
      })
    })
}

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

function resultsText(results: readonly Result[]): string {
  const rows = results.map(({ topic, partition, outcome = 'MOVING', error }) => [
    `${topic}-${partition}`,
    error?.message ?? OUTCOMES[outcome],
  ])
  return table(['PARTITION', 'RESULT'], rows)
}

function movesText(moves: readonly Move[]): string {
  const rows = moves.map(({ topic, partition, replicas, target, cause, startedAt, waitsFor }) => [
    `${topic}-${partition}`,
    replicas.join(','),
    target.join(','),
    cause,
    timeText(startedAt),
    waitsFor.join('; '),
  ])
  return table(['PARTITION', 'REPLICAS', 'TARGET', 'CAUSE', 'SINCE', 'WAITS FOR'], rows)
}
