import type { Command } from 'commander'
import { partitionNames, type TopicPartition } from '../partition-name.ts'
import { type ErrorView, inOurWords } from '../remedies.ts'
import { clusterOptions, inSession } from '../session.ts'
import { table } from '../table.ts'

type Result = {
  topic: string
  partition: number
  leader?: number | null
  leaderEpoch?: number
  error?: ErrorView
}

export function leader(program: Command): void {
  const group = program.command('leader').description('elect leaders of partitions')
  clusterOptions(group.command('elect'))
    .argument('[partitions...]', 'as orders-3', partitionNames)
    .description('elect the preferred leaders, of all partitions or of those named (orders-3)')
    .option('--unclean', 'where nobody leads, let any live replica lead: records may be LOST')
    .addHelpText(
      'after',
      '\nExamples:\n  dmq leader elect\n  dmq leader elect orders-3 orders-4\n  dmq leader elect orders-3 --unclean',
    )
    .action(async (names: TopicPartition[], { unclean }: { unclean?: boolean }, command: Command) => {
      if (unclean === true && names.length === 0)
        command.error('error: --unclean may lose records: name the partitions')
      const body = {
        type: unclean === true ? 'UNCLEAN' : 'PREFERRED',
        ...(names.length === 0 ? {} : { partitions: names }),
      }
      await inSession(command, async ({ client, print }) => {
        const path = '/api/v1/metadata/elections'
        const answer = await client.send<{ results: Result[] }>({ method: 'POST', path, body })
        print(answer, () => resultsText(answer.results))
        // Of those that were named each was wanted; where all were meant, what cannot be is left as it is.
        if (
          names.length > 0 &&
          answer.results.some(({ error }) => error !== undefined && error.code !== 'ELECTION_NOT_NEEDED')
        )
          process.exitCode = 1
      })
    })
}

function resultsText(results: readonly Result[]): string {
  if (results.length === 0) return 'every partition is led as it should be'
  const rows = results.map(({ topic, partition, leader = null, error }) => [
    `${topic}-${partition}`,
    leader,
    error === undefined ? 'leads' : inOurWords(error).message,
  ])
  return table(['PARTITION', 'LEADER', 'RESULT'], rows)
}
