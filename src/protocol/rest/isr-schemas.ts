import { type Static, Type } from 'typebox'
import { Id, open, Text, Time, Version } from './fields.ts'

/** What storage nodes report of their replicas, and what they are answered. Open: releases can be mixed. */
const PartitionName = { topic: Text(249), partition: Id }
/** Where it is given, another topic that has the name now is not meant. */
const TopicId = { topicId: Type.Optional(Text(64)) }
const Offset = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

export const IsrStatusBatchBody = Type.Object(
  {
    nodeId: Id,
    brokerEpoch: Type.Optional(Version),
    metadataVersion: Version,
    isrUpdates: Type.Array(
      Type.Object(
        {
          ...PartitionName,
          ...TopicId,
          brokerId: Id,
          updateType: Type.Unsafe<
            | 'LAG_THRESHOLD_BREACHED'
            | 'LAG_THRESHOLD_RECOVERED'
            | 'ISR_MEMBERSHIP_CHANGED'
            | 'PARTITION_BECAME_LEADER'
            | 'PARTITION_BECAME_FOLLOWER'
          >({
            type: 'string',
            enum: [
              'LAG_THRESHOLD_BREACHED',
              'LAG_THRESHOLD_RECOVERED',
              'ISR_MEMBERSHIP_CHANGED',
              'PARTITION_BECAME_LEADER',
              'PARTITION_BECAME_FOLLOWER',
            ],
          }),
          currentLag: Type.Optional(Offset),
          lagThreshold: Type.Optional(Offset),
          isInIsr: Type.Optional(Type.Boolean()),
          leaderEpoch: Type.Optional(Version),
          partitionEpoch: Type.Optional(Version),
          timestamp: Type.Optional(Time),
        },
        open,
      ),
      { minItems: 1, maxItems: 2_000 },
    ),
  },
  open,
)
export type IsrStatusBatchBody = Static<typeof IsrStatusBatchBody>

export const StorageControllerHeartbeatBody = Type.Object(
  {
    nodeId: Id,
    brokerEpoch: Type.Optional(Version),
    metadataVersion: Version,
    partitions: Type.Array(
      Type.Object(
        {
          ...PartitionName,
          role: Type.Unsafe<'LEADER' | 'FOLLOWER'>({ type: 'string', enum: ['LEADER', 'FOLLOWER'] }),
          leo: Offset,
          hwm: Type.Optional(Offset),
          lag: Type.Optional(Offset),
          metadataVersion: Type.Optional(Version),
        },
        open,
      ),
      { maxItems: 5_000 },
    ),
  },
  open,
)
export type StorageControllerHeartbeatBody = Static<typeof StorageControllerHeartbeatBody>

export const ExpandIsr = Type.Array(Type.Object({ ...PartitionName, brokerId: Id }), {
  description: 'replicas that say they have caught up: the leader checks, and takes them into the ISR',
})

export const IsrStatusBatchAnswer = Type.Object({
  success: Type.Boolean(),
  results: Type.Array(
    Type.Object({
      topic: Type.String(),
      partition: Id,
      brokerId: Id,
      outcome: Type.String({ description: 'APPLIED, PASSED_TO_LEADER, HELD, AGREES or REFUSED' }),
      code: Type.Optional(Type.String()),
      message: Type.Optional(Type.String()),
    }),
  ),
  controllerMetadataVersion: Version,
  instructions: Type.Array(Type.String()),
})

export const StorageControllerHeartbeatAnswer = Type.Object({
  success: Type.Boolean(),
  controllerMetadataVersion: Version,
  controllerTerm: Version,
  inSync: Type.Boolean({ description: 'the metadata of the node is as new as that of the controller' }),
  brokerStatus: Type.String(),
  instructions: Type.Array(Type.String()),
  expandIsr: ExpandIsr,
  disagreements: Type.Array(
    Type.Object({
      ...PartitionName,
      role: Type.String({ description: 'what the node is: LEADER, FOLLOWER, or NONE' }),
      leaderEpoch: Version,
    }),
    { description: 'partitions whose reported role is not the one in the metadata' },
  ),
})
