import type { Command } from 'commander'
import { counted } from '../../base/counted.ts'
import { type ErrorView, inOurWords } from '../remedies.ts'
import { clusterOptions, inSession, wholeNumber } from '../session.ts'
import { table } from '../table.ts'
import { moves, type PlannedMove } from './reassign.ts'
import { assignments, configEntry } from './topic.ts'

type StateView = { leader: number | null; replicas: number[]; isr: number[] }
type ChangedView = { topic: string; partition: number; before: StateView | null; after: StateView }
type MoveView = { topic: string; partition: number; from: number[]; to: number[] }
type StayView = { topic: string; partition: number; why: string }
type Names = { count: number; first: string[] }
type Load = { leaders: number; replicas: number }
type PlanView = {
  version: number
  changed: { count: number; first: ChangedView[] }
  newLeaders: number
  leaderless: Names
  underMinIsr: Names
  brokers: { brokerId: number; before: Load; after: Load }[]
  refused: ErrorView[]
  /** Left out by an earlier release. */
  notes?: string[]
  moves?: { count: number; first: MoveView[] }
  stays?: { count: number; first: StayView[] }
  underWay?: number
}

const SHOWN = 20

export function plan(program: Command): void {
  const group = program
    .command('plan')
    .description('show what would happen if something were lost or done; nothing is done')
    .addHelpText(
      'after',
      '\nExamples:\n  dmq plan lose-broker 102\n  dmq plan lose-rack a\n  dmq plan create-topic orders -p 6 -r 3\n  dmq plan reassign orders-0=102,103',
    )
  byBroker(group, 'lose-broker', 'a broker is lost', id => `broker ${id} were lost`)
  byBroker(group, 'drain', 'a broker is drained', id => `broker ${id} were drained`)
  byBroker(
    group,
    'decommission',
    'a broker is emptied: where its replicas go, and what stays',
    id => `broker ${id} were decommissioned`,
  )
  loseRack(group)
  removeBroker(group)
  createTopic(group)
  reassign(group)
}

function byBroker(group: Command, action: string, what: string, condition: (id: number) => string): void {
  clusterOptions(group.command(action))
    .argument('<id>', 'broker id', wholeNumber)
    .description(what)
    .addHelpText('after', `\nExample:\n  dmq plan ${action} 102`)
    .action(async (brokerId: number, _options: object, command: Command) => {
      await ask(command, { action, brokerId }, condition(brokerId))
    })
}

function loseRack(group: Command): void {
  clusterOptions(group.command('lose-rack'))
    .argument('<rack>', 'as its brokers name it')
    .description('all brokers of a rack are lost, one after the other')
    .addHelpText('after', '\nExample:\n  dmq plan lose-rack a')
    .action(async (rack: string, _options: object, command: Command) => {
      await ask(command, { action: 'lose-rack', rack }, `rack ${rack} were lost`)
    })
}

function removeBroker(group: Command): void {
  clusterOptions(group.command('remove-broker'))
    .argument('<id>', 'broker id', wholeNumber)
    .option('--force', 'give up the replicas it holds; only of a broker that is OFFLINE')
    .description('a broker is removed for good')
    .addHelpText('after', '\nExample:\n  dmq plan remove-broker 102 --force')
    .action(async (brokerId: number, { force }: { force?: boolean }, command: Command) => {
      const body = { action: 'remove-broker', brokerId, ...(force === true ? { force } : {}) }
      await ask(command, body, `broker ${brokerId} were removed`)
    })
}

type TopicOptions = {
  partitions: number
  replicationFactor: number
  assignment?: number[][]
  config: Record<string, string | null>
}

function createTopic(group: Command): void {
  clusterOptions(group.command('create-topic'))
    .argument('<name>', 'of the topic')
    .option('-p, --partitions <n>', 'number of partitions', wholeNumber, 1)
    .option('-r, --replication-factor <n>', 'replicas of each partition', wholeNumber, 1)
    .option('-a, --assignment <lists>', 'brokers of each partition instead, as 101:102,102:103', assignments)
    .option('-c, --config <key=value>', 'a config key; may be repeated', configEntry, {})
    .description('a topic is created')
    .addHelpText('after', '\nExample:\n  dmq plan create-topic orders -p 6 -r 3')
    .action(async (topicName: string, options: TopicOptions, command: Command) => {
      const { partitions: numPartitions, replicationFactor, assignment, config } = options
      const shape =
        assignment === undefined ? { numPartitions, replicationFactor } : { assignments: assignment }
      const body = { action: 'create-topic', topic: { topicName, ...shape, config } }
      await ask(command, body, `topic ${topicName} were created`)
    })
}

function reassign(group: Command): void {
  clusterOptions(group.command('reassign'))
    .argument('<moves...>', 'partitions and where they go, as orders-0=102,103', moves)
    .description('replicas are moved')
    .addHelpText('after', '\nExample:\n  dmq plan reassign orders-0=102,103 orders-1=103,101')
    .action(async (moves: PlannedMove[], _options: object, command: Command) => {
      const what =
        moves.length === 1 ? 'this partition were moved' : `these ${moves.length} partitions were moved`
      await ask(command, { action: 'reassign', reassignments: moves }, what)
    })
}

async function ask(command: Command, body: object, condition: string): Promise<void> {
  await inSession(command, async ({ client, print }) => {
    const view = await client.send<PlanView>({ method: 'POST', path: '/api/v1/metadata/plan', body })
    print(view, () => planText(view, condition))
  })
}

function planText(view: PlanView, condition: string): string {
  const { changed, newLeaders, version } = view
  if (view.moves !== undefined) return decommissionText(view, condition)
  const notes = view.notes ?? []
  const head = [`If ${condition} (planned on version ${version}, nothing is done):`, ...notes].join('\n\n')
  if (changed.count === 0 && view.refused.length === 0)
    return notes.length > 0 ? head : `${head}\n\nno partition would change.`
  return [
    `${head}\n\n${changesText(changed, newLeaders)}`,
    changed.count === 0 ? null : changedTable(changed),
    namesText(view.leaderless, 'would have no leader'),
    namesText(view.underMinIsr, 'would be led, but have too few in sync for writes with acks=all'),
    view.refused.length === 0
      ? null
      : view.refused
          .map(inOurWords)
          .map(({ code, message }) => `${code}: ${message}`)
          .join('\n'),
    loadTable(view.brokers),
  ]
    .filter(part => part !== null)
    .join('\n\n')
}

function decommissionText(view: PlanView, condition: string): string {
  const { moves = NONE, stays = NONE, underWay = 0, version } = view
  const head = `If ${condition} (planned on version ${version}, nothing is done):`
  const way = underWay === 0 ? '' : `, ${counted(underWay, 'replica')} on the way already`
  return [
    `${head}\n\n${counted(moves.count, 'replica')} would move${way}, ${stays.count} would stay.`,
    moves.count === 0 ? null : movesTable(moves),
    stays.count === 0 ? null : staysTable(stays),
    loadTable(view.brokers),
  ]
    .filter(part => part !== null)
    .join('\n\n')
}

const NONE = { count: 0, first: [] as never[] }

function movesTable({ count, first }: NonNullable<PlanView['moves']>): string {
  const rows = first
    .slice(0, SHOWN)
    .map(({ topic, partition, from, to }) => [`${topic}-${partition}`, from.join(), to.join()])
  return `${table(['PARTITION', 'FROM', 'TO'], rows)}${rest(count, rows)}`
}

function staysTable({ count, first }: NonNullable<PlanView['stays']>): string {
  const rows = first.slice(0, SHOWN).map(({ topic, partition, why }) => [`${topic}-${partition}`, why])
  return `${table(['STAYS', 'WHY'], rows)}${rest(count, rows)}`
}

function rest(count: number, rows: readonly unknown[]): string {
  return count > rows.length ? `\n... and ${count - rows.length} more (--json shows up to 1000)` : ''
}

function changesText({ count, first }: PlanView['changed'], newLeaders: number): string {
  if (first[0]?.before === null) return `${counted(count, 'partition')} would be created.`
  if (count === 1)
    return `1 partition would change, and ${newLeaders === 1 ? 'get another' : 'keep its'} leader.`
  return `${counted(count, 'partition')} would change, ${newLeaders} of them would get another leader.`
}

function changedTable({ count, first }: PlanView['changed']): string {
  const rows = first
    .slice(0, SHOWN)
    .map(({ topic, partition, before, after }) => [
      `${topic}-${partition}`,
      change(before, after, leaderText),
      change(before, after, ({ replicas }) => replicas.join()),
      change(before, after, isrText),
    ])
  return `${table(['PARTITION', 'LEADER', 'REPLICAS', 'ISR'], rows)}${rest(count, rows)}`
}

function leaderText({ leader }: StateView): string {
  return leader === null ? 'nobody' : String(leader)
}

function isrText({ isr }: StateView): string {
  return isr.length === 0 ? 'nobody' : isr.join()
}

function change(before: StateView | null, after: StateView, text: (state: StateView) => string): string {
  return arrow(before === null ? null : text(before), text(after))
}

function arrow(before: string | null, after: string): string {
  return before === null || before === after ? after : `${before} -> ${after}`
}

function namesText({ count, first }: Names, what: string): string | null {
  if (count === 0) return null
  const more = count > SHOWN ? ` and ${count - SHOWN} more` : ''
  return `${counted(count, 'partition')} ${what}: ${first.slice(0, SHOWN).join(', ')}${more}`
}

function loadTable(brokers: PlanView['brokers']): string {
  const rows = brokers.map(({ brokerId, before, after }) => [
    brokerId,
    arrow(String(before.leaders), String(after.leaders)),
    arrow(String(before.replicas), String(after.replicas)),
  ])
  return table(['BROKER', 'LEADERS', 'REPLICAS'], rows)
}
