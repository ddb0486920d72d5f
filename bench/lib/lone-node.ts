import type { Network } from '../../src/io/network.ts'
import { nodeClock } from '../../src/io/node-clock.ts'
import { nodeDisk } from '../../src/io/node-disk.ts'
import { type Command, encodeCommand } from '../../src/metadata/command.ts'
import type { RaftOptions } from '../../src/raft/options.ts'
import { keepHeapTight } from '../../src/server/heap-flags.ts'
import { MetadataNode, type MetadataNodeEvents } from '../../src/server/metadata-node.ts'

export const MIB = 1024 * 1024

const RAFT: Omit<RaftOptions, 'random'> = {
  id: 1,
  uuid: 'bench',
  configuredVoters: [1],
  newClusterId: 'bench',
  electionTimeoutMs: 1_000,
  electionJitterMs: 100,
  heartbeatIntervalMs: 100,
  commitNoticeDelayMs: 2,
  appendBytesMax: MIB / 4,
  snapshotPartBytes: MIB / 2,
  readsMax: 1_000,
  inflightCountMax: 256,
  inflightBytesMax: 4 * MIB,
  uncommittedBytesMax: 64 * MIB,
  tailBytesMax: 16 * MIB,
}
const alone: Network = { connect: () => ({ send: () => false, close() {} }) }

type Taken = { readonly bytes: number; readonly ms: number }

/** One metadata node in this process, on a real disk, ready to lead. */
export async function openLoneNode(
  folder: string,
  snapshotTaken: (taken: Taken) => void = () => {},
): Promise<MetadataNode> {
  const nothing = (): void => {}
  const events: MetadataNodeEvents = {
    changed: nothing,
    refused: nothing,
    connected: nothing,
    disconnected: nothing,
    unreadable: nothing,
    lost: nothing,
    slowDisk: nothing,
    lowDisk: nothing,
    roomAgain: nothing,
    tornWriteCut: nothing,
    snapshotDamaged: nothing,
    snapshotInstalled: nothing,
    snapshotFailed: reason => console.error(reason),
    snapshotTaken: ({ bytes }, ms) => snapshotTaken({ bytes, ms }),
    fatal: error => {
      throw error
    },
  }
  keepHeapTight()
  const raft = { ...RAFT, random: Math.random, snapshotBytesMin: 16 * MIB }
  const node = await MetadataNode.open(
    { raft, folder, targets: [], freeBytesMin: 0 },
    { disk: nodeDisk, clock: nodeClock, network: alone },
    events,
  )
  while (!node.consensus.leadership.ready) await new Promise(resolve => setTimeout(resolve, 1))
  return node
}

export async function closeLoneNode(node: MetadataNode): Promise<void> {
  node.stop()
  await node.close()
}

export function propose(node: MetadataNode, command: Command): Promise<unknown> {
  return node.consensus.propose(command.type, Buffer.from(encodeCommand(command)), 600_000)
}

export type Cluster = {
  readonly brokers: number
  readonly partitions: number
  readonly partitionsPerTopic: number
  readonly replicas: (topic: number, partition: number) => number[]
}

/** Brokers and topics, as many as asked for. */
export async function fill(node: MetadataNode, cluster: Cluster): Promise<void> {
  for (let brokerId = 1; brokerId <= cluster.brokers; brokerId++) {
    const at = { host: 'h', port: 1, rack: null, resources: {}, listeners: [] }
    const who = { incarnationId: null, pairedMetadataServiceId: null, previousBrokerEpoch: null }
    await propose(node, { type: 'RegisterBrokerCommand', time: 1, brokerId, ...at, ...who })
  }
  let batch: Promise<unknown>[] = []
  for (let topic = 0; topic < cluster.partitions / cluster.partitionsPerTopic; topic++) {
    const assignments = Array.from({ length: cluster.partitionsPerTopic }, (_, p) =>
      cluster.replicas(topic, p),
    )
    const topicId = `00000000-0000-4000-8000-${String(topic).padStart(12, '0')}`
    const topicName = `topic-${topic}`
    batch.push(
      propose(node, { type: 'CreateTopicCommand', time: 1, topicName, topicId, assignments, config: {} }),
    )
    if (batch.length < 1_000) continue
    await Promise.all(batch)
    batch = []
  }
  await Promise.all(batch)
}

/** The gaps between turns of the event loop, while it runs. */
export class LoopWatch {
  readonly gaps: { readonly at: number; readonly ms: number }[] = []
  readonly #timer: NodeJS.Timeout
  #last = performance.now()

  constructor() {
    this.#timer = setInterval(() => this.#turn(), 1)
  }

  #turn(): void {
    const now = performance.now()
    this.gaps.push({ at: now, ms: now - this.#last })
    this.#last = now
  }

  /** The longest gap. */
  async stop(): Promise<number> {
    await new Promise(resolve => setTimeout(resolve, 2))
    this.#turn()
    clearInterval(this.#timer)
    return Math.max(...this.gaps.map(({ ms }) => ms))
  }
}
