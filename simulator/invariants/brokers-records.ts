import type { PartitionLog, StoredRecord } from '../brokers/partition-log.ts'
import type { Trust } from './brokers-trust.ts'
import { violated } from './violation.ts'

/** A leader at work; what it has committed below `checked` is known to be right. */
type Acting = { readonly epoch: number; readonly log: PartitionLog; checked: number }

/** A record, and the epoch of the leader that was the first to count it as committed. */
type Committed = { readonly record: StoredRecord; readonly by: number }

/**
 * Records that a leader has counted as committed are the same for all leaders that come after it, at the same offsets:
 * nothing acknowledged is lost, and no high watermark shows what is. What an unclean epoch has lost is struck off.
 */
export class RecordInvariants {
  readonly #trust: Trust
  readonly #committed = new Map<string, Committed[]>()
  readonly #acting = new Map<string, Map<number, Acting>>()
  /** Up to which lossy epoch the committed records of a partition were set right. */
  readonly #settledEpochs = new Map<string, number>()
  readonly #lost: () => void

  /** `lost` is called when an unclean epoch has lost records that were committed. */
  constructor(trust: Trust, lost: () => void) {
    this.#trust = trust
    this.#lost = lost
  }

  #of(key: string): Committed[] {
    const committed = this.#committed.get(key) ?? []
    this.#committed.set(key, committed)
    return committed
  }

  /** A broker begins to act as leader, by its own copy of the metadata. */
  leads(key: string, brokerId: number, epoch: number, log: PartitionLog): void {
    const acting = this.#acting.get(key) ?? new Map<number, Acting>()
    this.#acting.set(key, acting.set(brokerId, { epoch, log, checked: 0 }))
    // An unclean election has given it up before it began.
    if (epoch < this.#trust.lossyEpoch(key)) return
    this.#settle(key, log)
    // Whoever begins late, when there is a newer leader already, owes only what was committed before its own epoch.
    const committed = this.#of(key)
    const wrong = committed.findIndex(
      ({ record, by }, offset) => by < epoch && !same(record, log.records[offset]),
    )
    if (wrong >= 0)
      violated(
        'B1',
        `broker ${brokerId} leads ${key} from epoch ${epoch} on without record ${wrong}, which was committed: ` +
          `${show(committed[wrong]?.record)} there, ${show(log.records[wrong])} here`,
      )
  }

  leadsNoMore(key: string, brokerId: number): void {
    this.#acting.get(key)?.delete(brokerId)
  }

  /** The first leader after an unclean election says what is left. */
  #settle(key: string, log: PartitionLog): void {
    const lossy = this.#trust.lossyEpoch(key)
    if (lossy <= (this.#settledEpochs.get(key) ?? -1)) return
    this.#settledEpochs.set(key, lossy)
    const committed = this.#of(key)
    const kept = committed.findIndex(({ record }, offset) => !same(record, log.records[offset]))
    if (kept < 0) return
    committed.length = kept
    this.#lost()
  }

  /** A broker comes into the ISR of a leader. */
  enters(key: string, brokerId: number, epoch: number, log: PartitionLog): void {
    if (epoch < this.#trust.lossyEpoch(key)) return
    const wrong = this.#of(key).findIndex(
      ({ record, by }, offset) => by <= epoch && !same(record, log.records[offset]),
    )
    if (wrong >= 0)
      violated(
        'B1',
        `broker ${brokerId} comes into the ISR of ${key} without record ${wrong}, which was committed`,
      )
  }

  /** The leader has moved its high watermark; `inSync`: others of its ISR. */
  commits(
    key: string,
    brokerId: number,
    epoch: number,
    log: PartitionLog,
    inSync: readonly (readonly [brokerId: number, log: PartitionLog])[],
  ): void {
    // Whoever was given up by an unclean election may go on for a while; nobody counts on it.
    if (epoch < this.#trust.lossyEpoch(key)) return
    const committed = this.#of(key)
    const acting = this.#acting.get(key)!.get(brokerId)!
    for (let offset = acting.checked; offset < log.highWatermark; offset++) {
      const record = log.records[offset]!
      const known = committed[offset]?.record
      if (known !== undefined && !same(record, known))
        violated(
          'B1',
          `broker ${brokerId} commits ${show(record)} as record ${offset} of ${key} in epoch ${epoch}, there is ${show(known)}`,
        )
      this.#heldByLater(key, brokerId, epoch, offset, record)
      for (const [other, its] of inSync)
        if (!same(record, its.records[offset]))
          violated(
            'B1',
            `broker ${brokerId} commits record ${offset} of ${key} in epoch ${epoch}, which ${other} of its ISR lacks`,
          )
      if (known === undefined) committed.push({ record, by: epoch })
    }
    acting.checked = log.highWatermark
  }

  #heldByLater(key: string, brokerId: number, epoch: number, offset: number, record: StoredRecord): void {
    for (const [other, acting] of this.#acting.get(key) ?? [])
      if (acting.epoch > epoch && !same(record, acting.log.records[offset]))
        violated(
          'B1',
          `broker ${brokerId} commits record ${offset} of ${key} in epoch ${epoch}, broker ${other} leads without it in ${acting.epoch}`,
        )
  }

  /** A producer is told that its record is at this offset. */
  acknowledged(key: string, offset: number, epoch: number, value: number): void {
    if (epoch < this.#trust.lossyEpoch(key)) return
    const known = this.#of(key)[offset]?.record
    if (!same({ epoch, value }, known))
      violated('B1', `record ${offset} of ${key} is acknowledged, but ${show(known)} is committed`)
  }
}

function same(a: StoredRecord, b: StoredRecord | undefined): boolean {
  return b !== undefined && a.epoch === b.epoch && a.value === b.value
}

function show(record: StoredRecord | undefined): string {
  return record === undefined ? 'none' : `${record.value} of epoch ${record.epoch}`
}
