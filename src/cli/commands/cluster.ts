import type { Command } from 'commander'
import { readAtController } from '../controller-read.ts'
import { clusterOptions, inSession } from '../session.ts'
import { sheet } from '../table.ts'
import { type BrokerView, isGhost, type PartitionView, type TopicView } from '../views.ts'

type ClusterView = {
  version: number
  clusterId: string | null
  controllerId: number | null
  brokers: BrokerView[]
  topics: TopicView[]
}

const STATUSES = ['ONLINE', 'UNREACHABLE', 'DRAINING', 'SHUTTING_DOWN', 'OFFLINE']

export function cluster(program: Command): void {
  clusterOptions(program.command('cluster'))
    .description('show the cluster in a few lines')
    .addHelpText('after', '\nExamples:\n  dmq cluster\n  dmq cluster --json')
    .action(async (_options: object, command: Command) => {
      await inSession(command, async session => {
        const view = await readAtController<ClusterView>(session, '/api/v1/metadata/cluster')
        session.print(view, () => clusterText(view))
      })
    })
}

function clusterText({ clusterId, controllerId, version, brokers, topics }: ClusterView): string {
  const partitions = topics.flatMap(topic => topic.partitions)
  const leaderless = partitions.filter(({ leader }) => leader === null).length
  const short = partitions.filter(isShort).length
  const moves = partitions.flatMap(({ reassignment }) => reassignment ?? [])
  const waiting = moves.filter(move => move.waiting === true).length
  return sheet([
    ['cluster', clusterId],
    [
      'controller',
      controllerId === null ? 'none: an election is under way' : `metadata node ${controllerId}`,
    ],
    ['metadata version', version],
    ['brokers', brokersText(brokers)],
    ['topics', topics.length],
    [
      'partitions',
      `${partitions.length}, ${leaderless} without a leader, ${short} under-replicated, ${movesText(moves.length - waiting, waiting)}`,
    ],
  ])
}

function movesText(moving: number, waiting: number): string {
  return waiting === 0 ? `${moving} being moved` : `${moving} being moved, ${waiting} waiting to be`
}

/** As the metrics count it: a replica that is just being added is missed by nobody. */
function isShort({ isr, replicas, addingReplicas }: PartitionView): boolean {
  return replicas.some(id => !isr.includes(id) && !addingReplicas.includes(id))
}

/** `6, 4 ONLINE, 1 DRAINING, 1 OFFLINE`, and the ghosts among the last. */
function brokersText(brokers: readonly BrokerView[]): string {
  const counts = STATUSES.map(status => ({
    status,
    count: brokers.filter(broker => broker.status === status).length,
  }))
  const shown = counts.filter(({ status, count }) => count > 0 || status === 'ONLINE')
  const ghosts = brokers.filter(isGhost).length
  const named = shown.map(({ status, count }) => `${count} ${status}`).join(', ')
  return `${brokers.length}, ${named}${ghosts === 0 ? '' : ` (${ghosts} of them holding nothing)`}`
}
