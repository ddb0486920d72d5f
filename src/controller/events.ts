/** What the controller tells its log; `server/` gives each a line. */
export type ControllerEvents = {
  brokerRegistered(event: { brokerId: number; host: string; port: number; brokerEpoch: number }): void
  brokerStatus(event: { brokerId: number; status: string; reason: string; partitionsMoved: number }): void
  brokerUnregistered(event: { brokerId: number }): void
  topicCreated(event: { topic: string; partitions: number; replicationFactor: number }): void
  topicDeleted(event: { topic: string }): void
  topicChanged(event: { topic: string; what: string }): void
  isrChanged(event: { leader: number; partitions: number }): void
  pushFailed(event: { brokerId: number; url: string; reason: string }): void
  pushRecovered(event: { brokerId: number; url: string; version: number }): void
}
