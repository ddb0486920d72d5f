import type { Command } from 'commander'
import { counted } from '../../base/counted.ts'
import { readAtController } from '../controller-read.ts'
import { clusterOptions, inSession, wholeNumber } from '../session.ts'
import { sheet, table } from '../table.ts'
import { type BrokerView, isGhost, timeText } from '../views.ts'
import { brokerDrain } from './broker-drain.ts'

const BROKERS = '/api/v1/metadata/brokers'

export function broker(program: Command): void {
  const group = program
    .command('broker')
    .description('list, describe, drain and remove brokers (storage nodes)')
  clusterOptions(group.command('list'))
    .alias('ls')
    .description('list brokers')
    .addHelpText('after', '\nExamples:\n  dmq broker list\n  dmq broker list --json')
    .action(async (_options: object, command: Command) => {
      await inSession(command, async session => {
        const { brokers } = await readAtController<{ brokers: BrokerView[] }>(
          session,
          `${BROKERS}?limit=10000`,
        )
        const rows = brokers.map(view => [
          view.brokerId,
          `${view.host}:${view.port}`,
          view.rack,
          view.status,
          view.leaders,
          view.replicas,
          timeText(view.statusSince),
          whyText(view),
        ])
        session.print(brokers, () =>
          table(['BROKER', 'ADDRESS', 'RACK', 'STATUS', 'LEADERS', 'REPLICAS', 'SINCE', 'WHY'], rows),
        )
      })
    })

  clusterOptions(group.command('describe'))
    .argument('<id>', 'broker id', wholeNumber)
    .description('show a broker')
    .addHelpText('after', '\nExample:\n  dmq broker describe 101')
    .action(async (id: number, _options: object, command: Command) => {
      await inSession(command, async session => {
        const view = await readAtController<BrokerView>(session, `${BROKERS}/${id}`)
        session.print(view, () => describeText(view))
      })
    })
  brokerDrain(group)
}

function whyText(view: BrokerView): string {
  if (isGhost(view))
    return `${view.statusReason}; a ghost, it holds nothing: dmq broker remove ${view.brokerId}`
  if (view.drain === null) return view.statusReason
  // While it is DRAINING the reason says so itself; one that is away as well has another.
  const wanted = view.drain.mode === 'DRAIN' ? '; to be drained' : '; to be decommissioned'
  return `${view.statusReason}${view.status === 'DRAINING' ? '' : wanted}: ${drainText(view)}`
}

/** How far it is, by what is to go. */
function drainText({ drain, leaders, replicas }: BrokerView): string {
  const { mode, ...atStart } = drain!
  const [left, what, of] =
    mode === 'DRAIN' ? [leaders, 'leadership', atStart.leaders] : [replicas, 'replica', atStart.replicas]
  return left === 0 ? 'done' : `${counted(left, what)} left of ${Math.max(left, of)}`
}

function describeText(view: BrokerView): string {
  return sheet([
    ['broker', view.brokerId],
    ['address', `${view.host}:${view.port}`],
    ['rack', view.rack],
    ['status', `${view.status} (${whyText(view)})`],
    ['since', timeText(view.statusSince)],
    ['epoch', view.brokerEpoch],
    ['registered', timeText(view.registeredAt)],
    [
      'last heartbeat',
      timeText(view.lastHeartbeatAt) ?? 'not known: a controller knows of those it has heard itself',
    ],
    ['leads', counted(view.leaders, 'partition')],
    ['holds', counted(view.replicas, 'replica')],
  ])
}
