import { type Decision, type Moment, reject } from '../decision.ts'
import type { Image } from '../image.ts'
import { brokerRemoved } from './partitions-of-broker.ts'
import { unknownBroker } from './register-broker.ts'

/** An operator removes a broker for good. Refused while it holds replicas, unless forced for one that is OFFLINE. */
export type UnregisterBrokerCommand = {
  readonly type: 'UnregisterBrokerCommand'
  readonly time: number
  readonly brokerId: number
  readonly force: boolean
}

const NAMED_MAX = 20

export function decide(image: Image, { brokerId, force }: UnregisterBrokerCommand, moment: Moment): Decision {
  const broker = image.broker(brokerId)
  if (broker === undefined) return unknownBroker(brokerId)
  const rows = image.rowsWithReplicaOn(brokerId)
  if (rows.length > 0 && !(force && broker.status === 'OFFLINE')) return holdsReplicas(image, brokerId, rows)
  return { changes: [...brokerRemoved(image, brokerId, moment), { kind: 'brokerRemoved', brokerId }] }
}

function holdsReplicas(image: Image, brokerId: number, rows: readonly number[]): Decision {
  const named = rows.slice(0, NAMED_MAX).map(row => {
    const { topicId, id } = image.partition(row)
    return `${image.topicById(topicId)!.name}-${id}`
  })
  const more = rows.length > named.length ? ` and ${rows.length - named.length} more` : ''
  return reject(
    'BROKER_HAS_REPLICAS',
    `broker ${brokerId} holds ${rows.length} replicas (${named.join(', ')}${more}). Delete those topics or move the replicas ` +
      'first; ?force=true gives them up, and is taken only while the broker is OFFLINE.',
    { brokerId, replicas: rows.length, partitions: named },
  )
}
