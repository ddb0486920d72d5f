import type { Command } from 'commander'
import { clusterOptions, inSession } from '../session.ts'
import { sheet } from '../table.ts'
import type { BrokerView, TopicView } from '../views.ts'

type ClusterView = {
  version: number
  clusterId: string | null
  controllerId: number | null
  brokers: BrokerView[]
  topics: TopicView[]
}

export function cluster(program: Command): void {
  clusterOptions(program.command('cluster'))
    .description('show the cluster in a few lines')
    .addHelpText('after', '\nExamples:\n  dmq cluster\n  dmq cluster --json')
    .action(async (_options: object, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        const view = await client.send<ClusterView>({ method: 'GET', path: '/api/v1/metadata/cluster' })
        print(view, () => clusterText(view))
      })
    })
}

function clusterText({ clusterId, controllerId, version, brokers, topics }: ClusterView): string {
  const partitions = topics.flatMap(topic => topic.partitions)
  const online = brokers.filter(({ status }) => status === 'ONLINE').length
  const leaderless = partitions.filter(({ leader }) => leader === null).length
  const short = partitions.filter(({ isr, replicas }) => isr.length < replicas.length).length
  return sheet([
    ['cluster', clusterId],
    [
      'controller',
      controllerId === null ? 'none: an election is under way' : `metadata node ${controllerId}`,
    ],
    ['metadata version', version],
    ['brokers', `${brokers.length}, ${online} ONLINE`],
    ['topics', topics.length],
    ['partitions', `${partitions.length}, ${leaderless} without a leader, ${short} under-replicated`],
  ])
}
