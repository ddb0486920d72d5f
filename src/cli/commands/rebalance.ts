import type { Command } from 'commander'
import { clusterOptions, inSession } from '../session.ts'
import { table } from '../table.ts'

type Plan = {
  started: boolean
  complete: boolean
  copies: number
  moves: { topic: string; partition: number; from: number[]; to: number[]; reason: string }[]
}

const SHOWN_MAX = 50

export function rebalance(program: Command): void {
  clusterOptions(program.command('rebalance'))
    .description('even out replicas and leaders over brokers and racks')
    .option('--dry-run', 'show the plan, change nothing')
    .addHelpText('after', '\nExamples:\n  dmq rebalance --dry-run\n  dmq rebalance && dmq reassign list')
    .action(async ({ dryRun }: { dryRun?: boolean }, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        const path = '/api/v1/metadata/rebalance'
        const plan = await client.send<Plan>({ method: 'POST', path, body: { dryRun: dryRun === true } })
        print(plan, () => planText(plan))
      })
    })
}

function planText({ started, complete, copies, moves }: Plan): string {
  if (moves.length === 0) return 'nothing to do: the load is even'
  const rows = moves
    .slice(0, SHOWN_MAX)
    .map(({ topic, partition, from, to, reason }) => [
      `${topic}-${partition}`,
      from.join(','),
      to.join(','),
      reason,
    ])
  const more = moves.length > rows.length ? `\nand ${moves.length - rows.length} more` : ''
  const rest = complete ? '' : '; more follow when these are done'
  const state = started ? 'begun; dmq reassign list shows how far it is' : 'a plan: nothing was changed'
  const change = moves.length === 1 ? '1 partition changes' : `${moves.length} partitions change`
  const copied = copies === 1 ? '1 replica is copied' : `${copies} replicas are copied`
  const head = `${change}, ${copied}${rest} (${state})`
  return `${head}\n\n${table(['PARTITION', 'FROM', 'TO', 'WHY'], rows)}${more}`
}
