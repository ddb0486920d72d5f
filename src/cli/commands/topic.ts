import { type Command, InvalidArgumentError } from 'commander'
import { clusterOptions, inSession, wholeNumber } from '../session.ts'
import { sheet, table } from '../table.ts'
import { type TopicView, timeText } from '../views.ts'

const TOPICS = '/api/v1/metadata/topics'
const PAGE = 1_000

export function topic(program: Command): void {
  const group = program.command('topic').description('create, list, describe, alter and delete topics')
  create(group)
  list(group)
  describe(group)
  alter(group)
  remove(group)
}

function create(group: Command): void {
  clusterOptions(group.command('create <name>'))
    .description('create a topic')
    .option('-p, --partitions <n>', 'number of partitions', wholeNumber, 1)
    .option('-r, --replication-factor <n>', 'replicas of each partition', wholeNumber, 1)
    .option('-a, --assignment <lists>', 'brokers of each partition instead, as 101:102,102:103', assignments)
    .option('-c, --config <key=value>', 'a config key; may be repeated', configEntry, {})
    .option('--validate-only', 'check, create nothing')
    .addHelpText(
      'after',
      '\nExamples:\n  dmq topic create orders -p 6 -r 3\n  dmq topic create audit -r 3 -c retention.ms=-1 -c min.insync.replicas=2',
    )
    .action(async (topicName: string, options: CreateOptions, command: Command) => {
      const { partitions: numPartitions, replicationFactor, assignment, config, validateOnly } = options
      const shape =
        assignment === undefined ? { numPartitions, replicationFactor } : { assignments: assignment }
      const body = { topicName, ...shape, config, ...(validateOnly === true ? { validateOnly } : {}) }
      await inSession(command, async ({ client, print }) => {
        const answer = await client.send<TopicView>({ method: 'POST', path: TOPICS, body })
        print(answer, () =>
          validateOnly === true
            ? `topic ${topicName} could be created`
            : `topic ${topicName} created\n\n${partitionTable(answer)}`,
        )
      })
    })
}

type CreateOptions = {
  partitions: number
  replicationFactor: number
  assignment?: number[][]
  config: Record<string, string | null>
  validateOnly?: boolean
}

function list(group: Command): void {
  clusterOptions(group.command('list'))
    .alias('ls')
    .description('list topics')
    .addHelpText('after', '\nExample:\n  dmq topic list --json')
    .action(async (_options: object, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        const topics: TopicView[] = []
        let after: string | undefined
        do {
          const query = `?limit=${PAGE}${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`
          const page = await client.send<{ topics: TopicView[]; next?: string }>({
            method: 'GET',
            path: `${TOPICS}${query}`,
          })
          topics.push(...page.topics)
          after = page.next
        } while (after !== undefined)
        const rows = topics.map(view => [
          view.topicName,
          view.numPartitions,
          view.replicationFactor,
          configLine(view.config),
        ])
        print(topics, () => table(['TOPIC', 'PARTITIONS', 'REPLICAS', 'CONFIG'], rows))
      })
    })
}

function describe(group: Command): void {
  clusterOptions(group.command('describe <name>'))
    .description('show a topic and its partitions')
    .addHelpText('after', '\nExample:\n  dmq topic describe orders')
    .action(async (name: string, _options: object, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        const view = await client.send<TopicView>({ method: 'GET', path: pathOf(name) })
        print(view, () => describeText(view))
      })
    })
}

function alter(group: Command): void {
  clusterOptions(group.command('alter <name>'))
    .description('change the config of a topic, or add partitions')
    .option(
      '-c, --config <key=value>',
      'set a config key; "key=" returns it to its default; may be repeated',
      configEntry,
      {},
    )
    .option('-p, --partitions <n>', 'the new total number of partitions', wholeNumber)
    .option('-r, --replication-factor <n>', 'replicas of each partition', wholeNumber)
    .addHelpText(
      'after',
      '\nExamples:\n  dmq topic alter orders -c retention.ms=3600000\n  dmq topic alter orders -p 12\n  dmq topic alter orders -r 3',
    )
    .action(
      async (
        name: string,
        options: { config: Record<string, string | null>; partitions?: number; replicationFactor?: number },
        command: Command,
      ) => {
        const { config, partitions: numPartitions, replicationFactor } = options
        const nothing = numPartitions === undefined && replicationFactor === undefined
        if (Object.keys(config).length === 0 && nothing)
          command.error('error: nothing to change; give --config, --partitions or --replication-factor')
        await inSession(command, async ({ client, print }) => {
          let view: TopicView | null = null
          if (Object.keys(config).length > 0)
            view = await client.send<TopicView>({ method: 'PATCH', path: pathOf(name), body: { config } })
          if (replicationFactor !== undefined) {
            const body = { replicationFactor }
            view = await client.send<TopicView>({ method: 'PATCH', path: pathOf(name), body })
          }
          if (numPartitions !== undefined) {
            view = await client.send<TopicView>({
              method: 'POST',
              path: `${pathOf(name)}/partitions`,
              body: { numPartitions },
            })
          }
          print(view, () => describeText(view!))
        })
      },
    )
}

function remove(group: Command): void {
  clusterOptions(group.command('delete <name>'))
    .description('delete a topic')
    .addHelpText('after', '\nExample:\n  dmq topic delete orders')
    .action(async (name: string, _options: object, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        await client.send({ method: 'DELETE', path: pathOf(name) })
        print({ deleted: name }, () => `topic ${name} deleted`)
      })
    })
}

function pathOf(name: string): string {
  return `${TOPICS}/${encodeURIComponent(name)}`
}

function describeText(view: TopicView): string {
  const head = sheet([
    ['topic', view.topicName],
    ['id', view.topicId],
    ['created', timeText(view.createdAt)],
    ['config', configLine(view.config)],
  ])
  return `${head}\n\n${partitionTable(view)}`
}

function partitionTable({ partitions }: TopicView): string {
  const headers = ['PARTITION', 'LEADER', 'EPOCH', 'REPLICAS', 'ISR', 'ELR', 'OFFLINE']
  const ids = (list: readonly number[]): string => (list.length === 0 ? '-' : list.join(','))
  const rows = partitions.map(({ id, leader, leaderEpoch, replicas, isr, elr, offlineReplicas }) => [
    id,
    leader,
    leaderEpoch,
    ids(replicas),
    ids(isr),
    ids(elr),
    ids(offlineReplicas),
  ])
  if (partitions.every(({ reassignment }) => reassignment === null)) return table(headers, rows)
  const targets = partitions.map(
    ({ reassignment }) => `${ids(reassignment?.target ?? [])}${reassignment?.waiting ? ' (waits)' : ''}`,
  )
  return table(
    [...headers, 'MOVES TO'],
    rows.map((row, i) => [...row, targets[i]!]),
  )
}

function configLine(config: Readonly<Record<string, string>>): string {
  const entries = Object.entries(config).map(([key, value]) => `${key}=${value}`)
  return entries.length === 0 ? '-' : entries.join(' ')
}

export function configEntry(
  text: string,
  before: Record<string, string | null>,
): Record<string, string | null> {
  const match = /^([^=]+)=(.*)$/.exec(text)
  if (match === null) throw new InvalidArgumentError('key=value is expected.')
  return { ...before, [match[1]!]: match[2] === '' ? null : match[2]! }
}

export function assignments(text: string): number[][] {
  return text.split(',').map(list => list.split(':').map(wholeNumber))
}
