import { lateForMs, latenessText } from '../../controller/lateness.ts'
import type { Broker } from '../../metadata/broker.ts'
import type { Context } from '../context.ts'

/** A broker as the contract shows it: the image's row, what it holds, and when it was heard (the controller knows). */
export function brokerView(context: Context, broker: Broker, counts = context.replica.image.replicaCounts()) {
  const brokers = context.controller.reignOrNull?.brokers
  const ageMs = brokers?.heardAgeMs(broker.brokerId) ?? null
  const held = counts.get(broker.brokerId)
  return {
    ...broker,
    resources: context.controller.resourcesOf(broker),
    ...statusView(context, broker),
    health: brokers?.reports.of(broker.brokerId)?.health ?? null,
    lastHeartbeatAt: ageMs === null ? null : Math.round(context.clock.epoch() - ageMs),
    leaders: held?.leaders ?? 0,
    replicas: held?.replicas ?? 0,
  }
}

/** That it is late is known to the controller alone, and in no image: its reason and its time are not those of the image either. */
function statusView({ controller, clock }: Context, broker: Broker) {
  const { status, statusReason, statusSince } = broker
  const lateness = controller.reignOrNull?.brokers.lateness(broker) ?? null
  if (lateness === null) return { status, statusReason, statusSince }
  return {
    status: 'UNREACHABLE',
    statusReason: latenessText(lateness),
    statusSince: Math.round(clock.epoch() - lateForMs(lateness)),
  }
}

export function brokerViews(context: Context) {
  const counts = context.replica.image.replicaCounts()
  return context.replica.image.brokers().map(broker => brokerView(context, broker, counts))
}
