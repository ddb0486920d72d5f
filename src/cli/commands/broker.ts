import type { Command } from 'commander'
import { clusterOptions, inSession, wholeNumber } from '../session.ts'
import { sheet, table } from '../table.ts'
import { type BrokerView, timeText } from '../views.ts'
import { brokerDrain } from './broker-drain.ts'

const BROKERS = '/api/v1/metadata/brokers'

export function broker(program: Command): void {
  const group = program
    .command('broker')
    .description('list, describe, drain and remove brokers (storage nodes)')
  clusterOptions(group.command('list'))
    .alias('ls')
    .description('list brokers')
    .addHelpText('after', '\nExample:\n  dmq broker list')
    .action(async (_options: object, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        const { brokers } = await client.send<{ brokers: BrokerView[] }>({
          method: 'GET',
          path: `${BROKERS}?limit=10000`,
        })
        const rows = brokers.map(view => [
          view.brokerId,
          `${view.host}:${view.port}`,
          view.rack,
          view.status,
          view.leaders,
          view.replicas,
          view.statusReason,
        ])
        print(brokers, () =>
          table(['BROKER', 'ADDRESS', 'RACK', 'STATUS', 'LEADERS', 'REPLICAS', 'WHY'], rows),
        )
      })
    })

  clusterOptions(group.command('describe'))
    .argument('<id>', 'broker id', wholeNumber)
    .description('show a broker')
    .addHelpText('after', '\nExample:\n  dmq broker describe 101')
    .action(async (id: number, _options: object, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        const view = await client.send<BrokerView>({ method: 'GET', path: `${BROKERS}/${id}` })
        print(view, () => describeText(view))
      })
    })
  brokerDrain(group)
}

function describeText(view: BrokerView): string {
  return sheet([
    ['broker', view.brokerId],
    ['address', `${view.host}:${view.port}`],
    ['rack', view.rack],
    ['status', `${view.status} (${view.statusReason})`],
    ['epoch', view.brokerEpoch],
    ['registered', timeText(view.registeredAt)],
    ['last heartbeat', timeText(view.lastHeartbeatAt) ?? 'known at the controller only'],
    ['leads', `${view.leaders} partitions`],
    ['holds', `${view.replicas} replicas`],
  ])
}
