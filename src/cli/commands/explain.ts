import type { Command } from 'commander'
import { partitionName, type TopicPartition } from '../partition-name.ts'
import { clusterOptions, inSession, wholeNumber } from '../session.ts'
import { timeText } from '../views.ts'

type FindingView = {
  what: string
  since?: number
  version?: number
  remedy?: string
  because: FindingView[]
}
type FindingsView = { version: number; findings: FindingView[] }

const EXPLAIN = '/api/v1/metadata/explain'

export function explain(program: Command): void {
  const group = program
    .command('explain')
    .description('say what is wrong with a partition or a broker, and why')
  clusterOptions(group.command('partition'))
    .argument('<partition>', 'such as orders-3', partitionName)
    .description('why a partition has no leader, is short of replicas, or is being moved')
    .addHelpText('after', '\nExample:\n  dmq explain partition orders-3')
    .action(async ({ topic, partition }: TopicPartition, _options: object, command: Command) => {
      await tell(command, `${EXPLAIN}/partition/${encodeURIComponent(topic)}/${partition}`)
    })
  clusterOptions(group.command('broker'))
    .argument('<id>', 'broker id', wholeNumber)
    .description('why a broker is away, not drained, or not in sync')
    .addHelpText('after', '\nExample:\n  dmq explain broker 102')
    .action(async (id: number, _options: object, command: Command) => {
      await tell(command, `${EXPLAIN}/broker/${id}`)
    })
}

async function tell(command: Command, path: string): Promise<void> {
  await inSession(command, async ({ client, print }) => {
    const view = await client.send<FindingsView>({ method: 'GET', path })
    print(view, () => view.findings.map(finding => findingText(finding, 0)).join('\n'))
  })
}

/** A finding, below it its causes, each further to the right, and at last what can be done. */
function findingText(finding: FindingView, depth: number): string {
  const margin = '  '.repeat(depth)
  const lead = depth === 0 ? '' : `${margin}because `
  const causes = finding.because.map(cause => findingText(cause, depth + 1))
  const remedy = finding.remedy === undefined ? [] : [`${margin}  to do: ${finding.remedy}`]
  return [`${lead}${finding.what}${sinceText(finding)}`, ...causes, ...remedy].join('\n')
}

function sinceText({ since, version }: FindingView): string {
  const time = since === undefined ? null : timeText(since)
  if (version !== undefined)
    return time === null ? ` (version ${version})` : ` (since version ${version}, ${time})`
  return time === null ? '' : ` (since ${time})`
}
