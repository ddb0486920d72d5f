/** What the REST contract answers, as far as the commands print it. */
export type PartitionView = {
  id: number
  leader: number | null
  leaderEpoch: number
  replicas: number[]
  isr: number[]
  elr: number[]
  offlineReplicas: number[]
  addingReplicas: number[]
  reassignment: { target: number[]; cause: string; waiting?: true } | null
}
export type TopicView = {
  topicName: string
  topicId: string
  numPartitions: number
  replicationFactor: number
  config: Record<string, string>
  createdAt: number
  partitions: PartitionView[]
}
export type BrokerView = {
  brokerId: number
  host: string
  port: number
  rack: string | null
  status: string
  statusReason: string
  statusSince: number
  drain: { mode: 'DRAIN' | 'DECOMMISSION'; since: number; leaders: number; replicas: number } | null
  brokerEpoch: number
  registeredAt: number
  lastHeartbeatAt: number | null
  leaders: number
  replicas: number
}

/** It is away and holds nothing: it is listed until `dmq broker remove` takes it out. */
export function isGhost({ status, replicas }: BrokerView): boolean {
  return status === 'OFFLINE' && replicas === 0
}

export function timeText(epochMs: number | null): string | null {
  return epochMs === null ? null : new Date(epochMs).toISOString().replace('T', ' ').slice(0, 19)
}
