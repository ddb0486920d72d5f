import { counted } from '../../base/counted.ts'
import { remedied } from '../../base/errors.ts'
import type { Broker } from '../broker.ts'
import { type Decision, type Moment, reject } from '../decision.ts'
import type { Image } from '../image.ts'
import { isWaiting } from '../reassignment.ts'
import { brokerRemoved, rowsThatWaitFor } from './partitions-of-broker.ts'
import { unknownBroker } from './register-broker.ts'
import { replicationFactors } from './replication-factors.ts'

/** An operator removes a broker for good. Refused while it holds replicas, or is to, unless forced for one that is OFFLINE. */
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
  const rows = [...image.rowsWithReplicaOn(brokerId), ...rowsThatWaitFor(image, brokerId)]
  if (rows.length > 0 && !(force && broker.status === 'OFFLINE')) return holdsReplicas(image, broker, rows)
  const changed = brokerRemoved(image, brokerId, moment)
  const topics = replicationFactors(image, changed, moment)
  return { changes: [...changed, ...topics, { kind: 'brokerRemoved', brokerId }] }
}

function holdsReplicas(image: Image, { brokerId, status }: Broker, rows: readonly number[]): Decision {
  const named = firstByName(image, new Set(rows))
  const waits = rows.some(row => isWaiting(image.partition(row))) ? ', or is to get,' : ''
  const more = rows.length > named.length ? ` and ${rows.length - named.length} more` : ''
  return reject(
    'BROKER_HAS_REPLICAS',
    ...remedied(
      `broker ${brokerId} holds${waits} ${counted(rows.length, 'replica')} (${named.join(', ')}${more}).`,
      'Delete those topics or move the replicas first; ?force=true gives them up, and is taken only while the broker is OFFLINE.',
      { brokerId, status, replicas: rows.length, partitions: named },
    ),
  )
}

/** In the order of names: nodes number their rows differently, but must give the same answer. */
function firstByName(image: Image, rows: ReadonlySet<number>): string[] {
  const named: string[] = []
  for (const name of image.topicNames)
    for (const [partition, row] of image.topic(name)!.rows.entries()) {
      if (rows.has(row)) named.push(`${name}-${partition}`)
      if (named.length === NAMED_MAX) return named
    }
  return named
}
