import { type Static, Type } from 'typebox'
import { closed, Id, Nullable, open, Text, Time, Version } from './fields.ts'
import { read, wait } from './queries.ts'

/** Bodies of synchronisation: what nodes are asked for, tell of themselves, and are told. */
export const SyncQuery = Type.Object(
  {
    ...read,
    since: Type.Optional(Version),
    sinceVersion: Type.Optional(Version),
    waitMs: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 60_000, description: 'long poll: wait so long for a change' }),
    ),
    recoveryEpoch: Type.Optional(Version),
    form: Type.Optional(
      Type.Unsafe<'commands' | 'all'>({
        type: 'string',
        enum: ['commands', 'all'],
        description: 'commands: only what replays, without the rows; more is true when some is left',
      }),
    ),
  },
  closed,
)
export type SyncQuery = Static<typeof SyncQuery>

export const SnapshotQuery = Type.Object({ minVersion: Type.Optional(Version), ...wait }, closed)
export type SnapshotQuery = Static<typeof SnapshotQuery>

export const HashQuery = Type.Object({ version: Version, ...wait }, closed)
export type HashQuery = Static<typeof HashQuery>

export const PushAllBody = Type.Object(
  { requestingServiceUrl: Type.String({ minLength: 1, maxLength: 300 }) },
  closed,
)
export type PushAllBody = Static<typeof PushAllBody>

export const ServiceHeartbeatBody = Type.Object(
  {
    serviceId: Id,
    serviceType: Type.Union([Type.Literal('METADATA'), Type.Literal('STORAGE')]),
    metadataVersion: Type.Optional(Version),
    stateHash: Type.Optional(Text(64)),
    brokerEpoch: Type.Optional(Version),
  },
  open,
)
export type ServiceHeartbeatBody = Static<typeof ServiceHeartbeatBody>

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
export const StorageHeartbeatBody = Type.Object(
  {
    serviceId: Id,
    metadataVersion: Version,
    lastUpdateTimestamp: Type.Optional(Time),
    partitionCount: Type.Optional(Count),
    leaderPartitions: Type.Optional(Count),
    followerPartitions: Type.Optional(Count),
    alive: Type.Optional(Type.Boolean({ description: 'false: it stops, and its leaders move' })),
    brokerEpoch: Type.Optional(Version),
  },
  open,
)
export type StorageHeartbeatBody = Static<typeof StorageHeartbeatBody>

// What is answered.

export const PushAllAnswer = Type.Object({
  success: Type.Boolean(),
  brokerId: Id,
  version: Nullable(Version),
  stateHash: Nullable(Type.String()),
  reason: Type.Optional(Type.String({ description: 'why it did not take it' })),
})

export const HashAnswer = Type.Object({
  nodeId: Id,
  version: Version,
  stateHash: Nullable(Type.String({ description: 'null: not known any more at this version' })),
})

export const StorageHeartbeatAnswer = Type.Object({
  success: Type.Boolean(),
  controllerMetadataVersion: Version,
  inSync: Type.Boolean(),
  instruction: Type.Union([Type.Literal('NONE'), Type.Literal('PULL_METADATA'), Type.Literal('REREGISTER')]),
})

const service = {
  serviceType: Type.String(),
  serviceId: Id,
  version: Nullable(Version),
  stateHash: Nullable(Type.String()),
}

const Divergence = Type.Object({
  at: Time,
  version: Version,
  stateHash: Type.String(),
  expected: Type.String(),
})

export const SyncStatusAnswer = Type.Object({
  controllerId: Id,
  version: Version,
  stateHash: Type.String(),
  nodes: Type.Array(
    Type.Object({
      ...service,
      url: Nullable(Type.String()),
      state: Type.String({
        description:
          'IN_SYNC, CATCHING_UP, DIVERGED, FAILING (pushes fail), UNKNOWN (not heard in this term)',
      }),
      lag: Nullable(Type.Integer({ description: 'versions behind the controller' })),
      session: Type.Boolean({ description: 'it holds a session with the controller' }),
      pairedMetadataServiceId: Nullable(Id),
      lastPushAt: Nullable(Time),
      lastAckAt: Nullable(Time),
      failures: Type.Integer({ description: 'pushes in a row that failed' }),
      lastFailure: Nullable(Type.String()),
      divergences: Type.Integer({ description: 'how often it had other metadata at the same version' }),
      lastDivergence: Nullable(Divergence),
    }),
  ),
})

const Named = Type.Object({ serviceType: Type.String(), serviceId: Id })
export const ConsistencyAnswer = Type.Object({
  version: Version,
  stateHash: Type.String(),
  status: Type.String({ description: 'CONSISTENT, or INCONSISTENT: see differing' }),
  differing: Type.Array(Named),
  notCompared: Type.Array(Named, { description: 'nodes that did not answer, or are not that far' }),
  nodes: Type.Array(Type.Object({ ...service, expected: Nullable(Type.String()), state: Type.String() })),
})
