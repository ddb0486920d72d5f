import type { Controller } from '../../controller/controller.ts'
import type { Exposition } from './exposition.ts'

type Watched = Pick<Controller, 'reignOrNull' | 'heartbeats' | 'pushTally'>

/** Sessions of storage nodes, and metadata that is brought to them: told by the controller. */
export function controllerMetrics(exposition: Exposition, controller: Watched, version: () => number): void {
  const pushes = exposition.once(() => controller.reignOrNull?.publisher.status() ?? [])
  exposition.gauge(
    {
      name: 'dmq_broker_sessions',
      help: 'Of the controller: brokers whose session has not run out.',
    },
    () => controller.reignOrNull?.brokers.sessionCount ?? null,
  )
  exposition.gauge(
    {
      name: 'dmq_brokers_unreachable',
      help: 'Of the controller: brokers whose heartbeats are late by half a session, and who are not fenced yet.',
    },
    () => controller.reignOrNull?.brokers.unreachable().length ?? null,
  )
  exposition.counter(
    {
      name: 'dmq_brokers_late_total',
      help: 'How often a broker became UNREACHABLE, whether it was fenced then or was heard again.',
    },
    () => controller.heartbeats.late,
  )
  exposition.counters(
    {
      name: 'dmq_broker_heartbeats_total',
      help: 'Heartbeats of brokers at this node, by result: ACCEPTED, or the code of the error.',
      labels: ['result'],
    },
    tell => {
      for (const [result, count] of controller.heartbeats.counts) tell(count, { result })
    },
  )
  exposition.counters(
    {
      name: 'dmq_pushes_total',
      help: 'Pushes of metadata to storage nodes, by result: done or failed.',
      labels: ['result'],
    },
    tell => {
      for (const [result, count] of Object.entries(controller.pushTally)) tell(count, { result })
    },
  )
  exposition.gauges(
    {
      name: 'dmq_push_lag_versions',
      help: 'Of the controller: by how many versions the storage node is known to be behind.',
      labels: ['broker'],
    },
    tell => {
      for (const { brokerId, version: has } of pushes())
        tell(has === null ? version() : Math.max(0, version() - has), { broker: brokerId })
    },
  )
  exposition.gauges(
    {
      name: 'dmq_push_failures',
      help: 'Of the controller: pushes to the storage node that failed since the last one that did not.',
      labels: ['broker'],
    },
    tell => {
      for (const { brokerId, failures } of pushes()) tell(failures, { broker: brokerId })
    },
  )
}
