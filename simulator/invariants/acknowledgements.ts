import type { Envelope } from '../../src/raft/message.ts'
import type { MetadataProcess } from '../cluster/metadata-process.ts'
import type { DurableLog } from './durable-log.ts'
import type { Look } from './look.ts'
import { violated } from './violation.ts'

/** I8, where it begins: what was acknowledged to the leader of a term stays on the device as long as the term lasts. */
export class AcknowledgementInvariants {
  readonly #acknowledged = new Map<DurableLog, { term: number; matched: number }>()
  /** Where a log was cut since it was last looked at. */
  readonly #cuts = new Map<DurableLog, number>()

  sent({ machine }: MetadataProcess, { message }: Envelope): void {
    if (message.type !== 'appendReply' || !message.success) return
    const { log } = machine.drive
    const before = this.#acknowledged.get(log)
    const matched =
      before?.term === message.term ? Math.max(before.matched, message.matched) : message.matched
    if (before === undefined || before.term <= message.term)
      this.#acknowledged.set(log, { term: message.term, matched })
  }

  cut(log: DurableLog, from: number): void {
    this.#cuts.set(log, Math.min(from, this.#cuts.get(log) ?? from))
  }

  check({ status, log }: Look): void {
    const from = this.#cuts.get(log)
    if (from === undefined) return
    this.#cuts.delete(log)
    const { term, matched } = this.#acknowledged.get(log) ?? { term: 0, matched: 0 }
    if (term === status.term && from <= matched)
      violated(
        'I8',
        `node ${status.id} acknowledged entry ${matched} in term ${term}, and cuts its log at ${from}`,
      )
  }
}
