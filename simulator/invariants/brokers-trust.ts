import type { Command } from '../../src/metadata/command.ts'
import type { Image } from '../../src/metadata/image.ts'
import type { Partition } from '../../src/metadata/partition-table.ts'
import { membersOf } from '../../src/metadata/replication.ts'
import { minInsyncReplicas, uncleanElectionAllowed } from '../../src/metadata/topic-config.ts'
import { nameOf, show } from './brokers-names.ts'
import { violated } from './violation.ts'

/**
 * Who is known to hold every committed record of a partition, kept by a rule of our own, apart from ISR and ELR:
 *
 * - an ISR that suffices commits without the others: then its members are all that count;
 * - while the ISR is below its minimum nothing is committed: whoever counted before still does, and the ISR;
 * - who comes back without proof of a clean stop, or is removed, counts no more.
 *
 * Only such a replica may come to lead, as long as there is one; but for an unclean election that somebody allowed. From
 * then on records may be missing, and the epoch of that leader is where they are.
 */
export class Trust {
  readonly #trusted = new Map<string, readonly number[]>()
  /** The latest leader epoch that began with a leader outside of the trusted. */
  readonly #lossyEpochs = new Map<string, number>()
  /** Partitions whose ISR sufficed at some time: before, nothing is committed that could be lost. */
  readonly #committing = new Set<string>()
  readonly #epochs = new Map<number, number>()
  /** Incarnations whose machine held all that the processes before them had. */
  readonly #foundAll = new Set<string>()
  readonly #registeredOnce = new Set<string>()
  readonly #lossy: (what: string) => void

  /** `lossy` is called when a leader is elected that nobody knows to hold all records, where there are any. */
  constructor(lossy: (what: string) => void) {
    this.#lossy = lossy
  }

  /** Records may have been lost when this epoch began; -1: none ever. */
  lossyEpoch(key: string): number {
    return this.#lossyEpochs.get(key) ?? -1
  }

  /** A process begins; it may be gone on with by the next one. */
  started({ incarnationId, foundAll }: { readonly incarnationId: string; readonly foundAll: boolean }): void {
    if (foundAll) this.#foundAll.add(incarnationId)
  }

  /** Before the partitions of the same command. */
  command(command: Command, image: Image): void {
    if (command.type === 'RegisterBrokerCommand') this.#registered(command, image)
    if (command.type === 'UnregisterBrokerCommand') this.#distrust(command.brokerId)
  }

  #registered(
    { brokerId, incarnationId, previousBrokerEpoch }: Extract<Command, { type: 'RegisterBrokerCommand' }>,
    image: Image,
  ): void {
    const { brokerEpoch } = image.broker(brokerId)!
    const before = this.#epochs.get(brokerId)
    this.#epochs.set(brokerId, brokerEpoch)
    const isAnother = before !== undefined && before !== brokerEpoch
    const again = this.#registeredOnce.has(incarnationId ?? '')
    this.#registeredOnce.add(incarnationId ?? '')
    if (!isAnother || previousBrokerEpoch === before) return
    if (!again && this.#foundAll.has(incarnationId ?? ''))
      violated('B8', `broker ${brokerId} counts as one that may have lost records, though it stopped cleanly`)
    this.#distrust(brokerId)
  }

  #distrust(brokerId: number): void {
    for (const [key, trusted] of this.#trusted)
      if (trusted.includes(brokerId))
        this.#trusted.set(
          key,
          trusted.filter(id => id !== brokerId),
        )
  }

  /** The partition as the command has left it; `before` null: it is new. */
  partition(key: string, before: Partition | null, now: Partition, command: Command, image: Image): void {
    const { config } = image.topicById(now.topicId)!
    const { replicas, leader, leaderEpoch } = now
    const isr = membersOf(replicas, now.isr)
    const least = leastIsr(now, config)
    if (before === null) {
      if (isr.length >= least) this.#committing.add(key)
      return void this.#trusted.set(key, isr)
    }
    let trusted = [...new Set([...(this.#trusted.get(key) ?? []), ...provedBy(command, now, image)])]
    const stay = trusted.filter(id => replicas.includes(id))
    const asked = command.type === 'ElectLeadersCommand' && command.electionType === 'UNCLEAN'
    const forced = asked || command.type === 'UnregisterBrokerCommand' || uncleanElectionAllowed(config)
    if (trusted.length > 0 && stay.length === 0 && !forced)
      violated(
        'B6',
        `${command.type} leaves none of ${trusted}, who hold all records, to ${nameOf(image, now)}`,
      )
    trusted = stay
    const elected = leader !== null && leaderEpoch !== before.leaderEpoch
    if (elected && !trusted.includes(leader)) {
      if (trusted.length > 0 && !asked && !uncleanElectionAllowed(config))
        violated(
          'B6',
          `${command.type} has ${leader} lead ${nameOf(image, now)}, though ${trusted} hold all records`,
        )
      if (this.#committing.has(key)) {
        this.#lossyEpochs.set(key, leaderEpoch)
        this.#lossy(`${leader} comes to lead ${nameOf(image, now)} in epoch ${leaderEpoch}`)
      }
      trusted = [leader]
    }
    if (isr.length >= least) this.#committing.add(key)
    const known = isr.length >= least ? isr : [...new Set([...trusted, ...isr])]
    this.#trusted.set(key, known)
    const said = membersOf(replicas, now.isr | now.elr)
    if (known.length !== said.length || known.some(id => !said.includes(id)))
      violated('B6', `${command.type}: ${known} hold all records, but it is ${show(image, now)}`)
  }
}

/** With fewer members an ISR commits nothing. */
function leastIsr({ replicas, reassignment }: Partition, config: Readonly<Record<string, string>>): number {
  const adding = reassignment === null ? 0 : membersOf(replicas, reassignment.adding).length
  return Math.min(minInsyncReplicas(config), replicas.length - adding)
}

/** The leader says who has all that is committed; from its proposal on it commits nothing without them. */
function provedBy(command: Command, { topicId, id }: Partition, image: Image): readonly number[] {
  if (command.type !== 'UpdateISRCommand') return []
  const { name } = image.topicById(topicId)!
  return command.changes.flatMap(change =>
    'newIsr' in change && change.topic === name && change.partition === id
      ? change.newIsr.map(({ brokerId }) => brokerId)
      : [],
  )
}
