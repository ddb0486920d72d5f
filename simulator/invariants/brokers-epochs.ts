import type { Command } from '../../src/metadata/command.ts'
import type { Image } from '../../src/metadata/image.ts'
import type { Partition } from '../../src/metadata/partition-table.ts'
import { nameOf } from './brokers-names.ts'
import { violated } from './violation.ts'

/** What was said by, or of, a process that another one has taken the place of changes nothing. */
export function checkSpeaker(image: Image, command: Command): void {
  if (command.type !== 'UpdateBrokerStatusCommand' && command.type !== 'UpdateISRCommand') return
  const { type, brokerId, brokerEpoch } = command
  const known = image.broker(brokerId)?.brokerEpoch
  if (known !== brokerEpoch)
    violated('B4', `${type} of broker ${brokerId} in epoch ${brokerEpoch} is accepted, its epoch is ${known}`)
}

/** Who proposes a whole ISR has seen the partition as it was: otherwise it undoes what it did not know of. */
export function checkCompareAndSet(
  image: Image,
  command: Command,
  changed: readonly { readonly before: Partition | null; readonly now: Partition }[],
): void {
  if (command.type !== 'UpdateISRCommand') return
  for (const { before, now } of changed) {
    const name = nameOf(image, now)
    const change = command.changes.find(({ topic, partition }) => `${topic}-${partition}` === name)
    if (before === null || change === undefined || 'removed' in change) continue
    const { leaderEpoch, partitionEpoch } = change
    const other = change.newIsr.find(
      ({ brokerId, brokerEpoch }) => image.broker(brokerId)?.brokerEpoch !== brokerEpoch,
    )
    if (other !== undefined)
      violated(
        'B4',
        `an ISR of ${name} takes in broker ${other.brokerId} as it was in epoch ${other.brokerEpoch}`,
      )
    if (before.leaderEpoch !== leaderEpoch || before.partitionEpoch !== partitionEpoch)
      violated(
        'B4',
        `an ISR of ${name} as of epoch ${leaderEpoch}/${partitionEpoch} is accepted in epoch ` +
          `${before.leaderEpoch}/${before.partitionEpoch}`,
      )
  }
}
