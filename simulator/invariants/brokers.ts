import type { Broker } from '../../src/metadata/broker.ts'
import type { Change } from '../../src/metadata/change.ts'
import type { Command } from '../../src/metadata/command.ts'
import type { Image } from '../../src/metadata/image.ts'
import type { Partition } from '../../src/metadata/partition-table.ts'
import { bitOf, membersOf } from '../../src/metadata/replication.ts'
import type { MetadataProcess } from '../cluster/metadata-process.ts'
import { checkCompareAndSet, checkSpeaker } from './brokers-epochs.ts'
import { MoveLimit } from './brokers-moves.ts'
import { keyOf, show } from './brokers-names.ts'
import { Trust } from './brokers-trust.ts'
import { violated } from './violation.ts'

/** So often all partitions are looked at, and not only those that a command has changed. */
const SCAN_EVERY = 50

/** Sees what each version has changed, once. */
export type VersionObserver = (seen: {
  /** The first metadata node that has applied it. */
  readonly process: MetadataProcess
  readonly image: Image
  readonly command: Command
  readonly partitions: readonly { readonly before: Partition | null; readonly now: Partition }[]
  readonly brokers: readonly { readonly before: Broker | undefined; readonly now: Broker }[]
}) => void

/**
 * What may never be in the metadata, whatever brokers and controllers do: looked at when the first of all metadata nodes
 * has applied a version. The others come to the same image (I4), and the copies of storage nodes are compared with it.
 */
export class BrokerInvariants {
  readonly trust: Trust
  readonly #observe: VersionObserver
  readonly #moveLimit: MoveLimit
  readonly #hashes = new Map<number, string>()
  readonly #partitions = new Map<string, Partition>()
  readonly #brokers = new Map<number, Broker>()
  readonly #leaders = new Map<string, number>()
  readonly #brokerEpochs = new Map<number, number>()
  #version = 0

  /** `mayLose`: all who hold a record may lose it together, or be given up. `movesMax`: as controllers are configured. */
  constructor(observe: VersionObserver, { mayLose, movesMax }: { mayLose: boolean; movesMax: number }) {
    this.#observe = observe
    this.#moveLimit = new MoveLimit(movesMax)
    this.trust = new Trust(what => {
      if (!mayLose) violated('B8', `${what}, though no two replicas could lose records together`)
    })
  }

  /** The newest version that any metadata node has applied. */
  get version(): number {
    return this.#version
  }

  /** As the newest version has it. */
  partitionOf(key: string): Partition | undefined {
    return this.#partitions.get(key)
  }

  /** Of the newest version; null: it is not registered. */
  brokerEpochOf(brokerId: number): number | null {
    return this.#brokers.get(brokerId)?.brokerEpoch ?? null
  }

  watch(process: MetadataProcess): void {
    process.node!.replica.onChange((command, changes) => this.#applied(process, command, changes))
  }

  #applied(process: MetadataProcess, command: Command, changes: readonly Change[]): void {
    const { image } = process.node!.replica
    const { version } = image
    if (version <= this.#version) return
    this.#version = version
    this.#hashes.set(version, image.stateHash)
    const brokers = this.#changedBrokers(image, changes)
    for (const { now } of brokers) this.#checkEpoch(now)
    checkSpeaker(image, command)
    this.trust.command(command, image)
    const rows = changes.flatMap(change => rowsOf(image, change))
    const partitions = rows.map(row => {
      const now = image.partition(row)
      const before = this.#partitions.get(keyOf(now)) ?? null
      return { before, now }
    })
    checkCompareAndSet(image, command, partitions)
    this.#moveLimit.check(image, command, partitions, this.#partitions.values())
    for (const { before, now } of partitions) this.#check(image, before, now, command)
    for (const { now } of brokers)
      for (const row of image.rowsWithReplicaOn(now.brokerId)) checkMembers(image, image.partition(row))
    if (version % SCAN_EVERY === 0) this.#scan(image)
    this.#observe({ process, image, command, partitions, brokers })
  }

  #changedBrokers(image: Image, changes: readonly Change[]) {
    return changes.flatMap(change => {
      if (change.kind === 'brokerRemoved') this.#brokers.delete(change.brokerId)
      if (change.kind !== 'brokerSet') return []
      const { brokerId } = change.broker
      const before = this.#brokers.get(brokerId)
      const now = image.broker(brokerId)!
      this.#brokers.set(brokerId, now)
      return [{ before, now }]
    })
  }

  /** Epochs are unique, and grow with each process of a broker. */
  #checkEpoch({ brokerId, brokerEpoch }: Broker): void {
    const holder = this.#brokerEpochs.get(brokerEpoch)
    if (holder !== undefined && holder !== brokerId)
      violated('B4', `brokers ${holder} and ${brokerId} both have epoch ${brokerEpoch}`)
    const newest = [...this.#brokerEpochs].reduce(
      (most, [epoch, id]) => (id === brokerId ? Math.max(most, epoch) : most),
      0,
    )
    if (brokerEpoch < newest)
      violated('B4', `broker ${brokerId} goes back from epoch ${newest} to ${brokerEpoch}`)
    this.#brokerEpochs.set(brokerEpoch, brokerId)
  }

  #check(image: Image, before: Partition | null, now: Partition, command: Command): void {
    const key = keyOf(now)
    checkMembers(image, now)
    if (before !== null) checkEpochs(image, before, now)
    if (now.leader !== null) this.#checkLeader(key, now.leader, now.leaderEpoch)
    this.trust.partition(key, before, now, command, image)
    this.#partitions.set(key, now)
  }

  /** One leader in each leader epoch. */
  #checkLeader(key: string, leader: number, epoch: number): void {
    const known = this.#leaders.get(`${key} ${epoch}`)
    if (known !== undefined && known !== leader)
      violated('B3', `brokers ${known} and ${leader} both lead ${key} in epoch ${epoch}`)
    this.#leaders.set(`${key} ${epoch}`, leader)
  }

  /** A broker takes itself for the leader. */
  acts(key: string, brokerId: number, epoch: number): void {
    const leader = this.#leaders.get(`${key} ${epoch}`)
    if (leader !== brokerId)
      violated(
        'B3',
        `broker ${brokerId} leads ${key} in epoch ${epoch}, which is that of ${leader ?? 'nobody'}`,
      )
  }

  /** The copy of a storage node has come to this version. */
  copied(brokerId: number, version: number, hash: string): void {
    const expected = this.#hashes.get(version)
    if (version > 0 && expected !== hash)
      violated(
        'B5',
        `broker ${brokerId} has ${hash} at version ${version}, the cluster ${expected ?? 'has none'}`,
      )
  }

  #scan(image: Image): void {
    for (const name of image.topicNames)
      for (const partition of image.partitionsOf(image.topic(name)!)) checkMembers(image, partition)
  }
}

function rowsOf(image: Image, change: Change): readonly number[] {
  switch (change.kind) {
    case 'partitionChanged':
      return [change.row]
    case 'partitionsChanged':
      return [...change.changed.rows]
    case 'topicAdded':
      return image.topicById(change.topic.id)!.rows
    case 'partitionsAdded':
      return image.topicById(change.topic.id)!.rows.slice(-change.partitions.length)
    default:
      return []
  }
}

function checkMembers(image: Image, partition: Partition): void {
  const { replicas, isr, elr, leader } = partition
  const wrong = (why: string): never => violated('B2', `${show(image, partition)}: ${why}`)
  if ((isr | elr) >> replicas.length !== 0) wrong('ISR or ELR hold strangers')
  if ((isr & elr) !== 0) wrong('ISR and ELR overlap')
  const away = membersOf(replicas, isr).filter(id => !image.isActive(id))
  if (away.length > 0) wrong(`${away} of the ISR are ${away.map(id => image.broker(id)?.status)}`)
  if (leader !== null && (isr & bitOf(replicas, leader)) === 0) wrong('the leader is not in the ISR')
  if (leader === null && isr !== 0) wrong('nobody leads, though the ISR has members')
  const eligible = membersOf(replicas, elr).filter(image.isActive)
  if (leader === null && eligible.length > 0) wrong(`nobody leads, though ${eligible} could`)
}

function checkEpochs(image: Image, before: Partition, now: Partition): void {
  const wrong = (why: string): never =>
    violated('B3', `${show(image, now)}, before ${show(image, before)}: ${why}`)
  if (now.leaderEpoch < before.leaderEpoch) wrong('the leader epoch goes back')
  if (now.partitionEpoch <= before.partitionEpoch) wrong('the partition epoch does not grow')
  if (now.leader !== before.leader && now.leaderEpoch === before.leaderEpoch)
    wrong('another leader in the same epoch')
}
