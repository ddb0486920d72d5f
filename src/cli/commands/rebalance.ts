import { type Command, Option } from 'commander'
import { counted } from '../../base/counted.ts'
import { clusterOptions, inSession, type Session } from '../session.ts'
import { table } from '../table.ts'
import { timeText } from '../views.ts'

type Plan = {
  started: boolean
  complete: boolean
  copies: number
  moves: { topic: string; partition: number; from: number[]; to: number[]; reason: string }[]
}

type State = {
  state: 'RUNNING' | 'INTERRUPTED' | 'NONE'
  since: number | null
  moving: number
  outlivesController: boolean
}
type Flags = { dryRun?: boolean; status?: boolean; stop?: boolean }

const PATH = '/api/v1/metadata/rebalance'
const SHOWN_MAX = 50

export function rebalance(program: Command): void {
  clusterOptions(program.command('rebalance'))
    .description('even out replicas and leaders over brokers and racks')
    .option('--dry-run', 'show the plan, change nothing')
    .addOption(new Option('--status', 'tell whether one is under way').conflicts('dryRun'))
    .addOption(new Option('--stop', 'begin no more of its moves').conflicts(['dryRun', 'status']))
    .addHelpText(
      'after',
      '\nExamples:\n  dmq rebalance --dry-run\n  dmq rebalance && dmq reassign list\n  dmq rebalance --status',
    )
    .action(async ({ dryRun, status, stop }: Flags, command: Command) => {
      await inSession(command, async session => {
        if (status === true || stop === true) return tellState(session, stop === true)
        const { client, print } = session
        const plan = await client.send<Plan>({
          method: 'POST',
          path: PATH,
          body: { dryRun: dryRun === true },
        })
        print(plan, () => planText(plan))
      })
    })
}

/** The controller alone knows: a client finds it as for a write. */
async function tellState({ client, print }: Session, stop: boolean): Promise<void> {
  if (stop) await client.send({ method: 'DELETE', path: PATH })
  const state = await client.send<State>({ method: 'GET', path: PATH })
  print(state, () => stateText(state))
}

function stateText({ state, since, moving, outlivesController }: State): string {
  const moves = `${counted(moving, 'partition')} being moved`
  if (state === 'NONE') return 'no rebalance is under way'
  if (state === 'INTERRUPTED')
    return `no rebalance is under way; ${moves} by the last one. dmq rebalance goes on with it`
  const ends = outlivesController ? '' : '; it ends with this controller (dmq features upgrade changes that)'
  return `under way since ${timeText(since!)}, ${moves}${ends}`
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
