/** What the controller tells its log; `server/` gives each a line. */
export type ControllerEvents = {
  brokerRegistered(event: { brokerId: number; host: string; port: number; brokerEpoch: number }): void
  /** The same process says something else of itself, such as another pair; its epoch stays. */
  brokerAmended(event: {
    brokerId: number
    brokerEpoch: number
    pairedMetadataServiceId: number | null
  }): void
  brokerStatus(event: { brokerId: number; status: string; reason: string; partitionsMoved: number }): void
  brokerDrained(event: { brokerId: number; mode: 'DRAIN' | 'DECOMMISSION' | null }): void
  /** Most brokers were lost at the same moment: this node may be the one that is cut off. */
  manyLost(event: { brokerIds: readonly number[] }): void
  leadersElected(event: { electionType: string; partitions: number }): void
  replicasAltered(event: { cause: string; partitions: number }): void
  brokerUnregistered(event: { brokerId: number }): void
  topicCreated(event: { topic: string; partitions: number; replicationFactor: number }): void
  topicDeleted(event: { topic: string }): void
  topicChanged(event: { topic: string; what: string }): void
  isrChanged(event: { leader: number; partitions: number }): void
  featuresRaised(event: { levels: Readonly<Record<string, number>> }): void
  /** It begins, or (`wanted` is false) it is over or was ended. */
  rebalance(event: { wanted: boolean }): void
  /** How many partitions are moved at a time; null: as this controller is configured. */
  movesThrottled(event: { movesMax: number | null }): void
  pushFailed(event: { brokerId: number; url: string; reason: string }): void
  pushRecovered(event: { brokerId: number; url: string; version: number }): void
  /** A node has other metadata than this controller had at the same version. */
  diverged(event: {
    kind: 'metadata' | 'storage'
    nodeId: number
    version: number
    stateHash: string
    expected: string
  }): void
  /** A metadata node still lacks what this controller had when it was last heard. */
  metadataBehind(event: { nodeId: number; version: number; expected: number }): void
}
