import type { Command } from 'commander'
import { readAtController } from '../controller-read.ts'
import { partitionName, type TopicPartition } from '../partition-name.ts'
import { clusterOptions, inSession, type Session, wholeNumber } from '../session.ts'
import { timeText } from '../views.ts'

export type FindingView = {
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
      await inSession(command, async session => {
        const path = `${EXPLAIN}/partition/${encodeURIComponent(topic)}/${partition}`
        show(session, await session.client.send<FindingsView>({ method: 'GET', path }))
      })
    })
  clusterOptions(group.command('broker'))
    .argument('<id>', 'broker id', wholeNumber)
    .description('why a broker is away, not drained, or not in sync')
    .addHelpText('after', '\nExample:\n  dmq explain broker 102')
    .action(async (id: number, _options: object, command: Command) => {
      await inSession(command, async session => {
        show(session, await readAtController<FindingsView>(session, `${EXPLAIN}/broker/${id}`))
      })
    })
}

function show({ print }: Session, view: FindingsView): void {
  print(view, () => findingsText(view.findings))
}

/** What can be done is said once, where it is said first, however many findings lead to it. */
export function findingsText(findings: readonly FindingView[]): string {
  const told = new Set<string>()
  return findings.map(finding => findingText(finding, told, 0)).join('\n')
}

/** A finding, below it its causes, each further to the right, and at last what can be done. */
function findingText(finding: FindingView, told: Set<string>, depth: number): string {
  const margin = '  '.repeat(depth)
  const lead = depth === 0 ? '' : `${margin}because `
  const causes = finding.because.map(cause => findingText(cause, told, depth + 1))
  const { remedy } = finding
  const isNew = remedy !== undefined && !told.has(remedy)
  if (isNew) told.add(remedy)
  const toDo = isNew ? [`${margin}  to do: ${remedy}`] : []
  return [`${lead}${finding.what}${sinceText(finding)}`, ...causes, ...toDo].join('\n')
}

function sinceText({ since, version }: FindingView): string {
  const time = since === undefined ? null : timeText(since)
  if (version !== undefined)
    return time === null ? ` (version ${version})` : ` (since version ${version}, ${time})`
  return time === null ? '' : ` (since ${time})`
}
