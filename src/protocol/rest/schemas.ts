import { type Static, Type } from 'typebox'
import { closed, Id, Nullable, open, Text, Time, Version } from './fields.ts'
import { ExpandIsr } from './isr-schemas.ts'
import { read, wait } from './queries.ts'

/**
 * The bodies of the REST contract: one definition gives the TypeScript type, the check at the door and the OpenAPI
 * document. What users send is closed (an unknown field is an error); what nodes send each other is open, so that
 * releases can be mixed.
 */
/** A map from text. Left open, a name that the pattern of the values does not match would bring in anything. */
const MapOf = <T extends Type.TSchema>(value: T, count: { keyLengthMax: number; entriesMax: number }) =>
  Type.Record(Type.String(), value, {
    ...closed,
    propertyNames: { maxLength: count.keyLengthMax },
    maxProperties: count.entriesMax,
  })

export const ErrorBody = Type.Object(
  {
    error: Type.Object({
      code: Type.String(),
      message: Type.String(),
      details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    }),
  },
  { description: 'why not' },
)

// What is sent.

const TopicName = Type.String({
  minLength: 1,
  maxLength: 1_000,
  description: '1 to 249 of a-z A-Z 0-9 . _ -',
})
const ConfigValue = Type.Union([Type.String({ maxLength: 1_000 }), Type.Number(), Type.Boolean()])
const Replicas = Type.Array(Id, { minItems: 1, maxItems: 30 })
const Assignments = Type.Array(Replicas, {
  minItems: 1,
  maxItems: 10_000,
  description: 'a list of brokers per partition, preferred leader first',
})
const PartitionCount = Type.Integer({ minimum: 1, maximum: 10_000 })

export const CreateTopicBody = Type.Object(
  {
    topicName: TopicName,
    numPartitions: Type.Optional(PartitionCount),
    replicationFactor: Type.Optional(Type.Integer({ minimum: 1, maximum: 30 })),
    assignments: Type.Optional(Assignments),
    config: Type.Optional(MapOf(ConfigValue, { keyLengthMax: 200, entriesMax: 100 })),
    validateOnly: Type.Optional(Type.Boolean()),
  },
  closed,
)
export type CreateTopicBody = Static<typeof CreateTopicBody>

export const UpdateTopicBody = Type.Object(
  {
    config: Type.Optional(MapOf(Nullable(ConfigValue), { keyLengthMax: 200, entriesMax: 100 })),
    replicationFactor: Type.Optional(Type.Integer({ minimum: 1, maximum: 30 })),
  },
  { ...closed, minProperties: 1 },
)
export type UpdateTopicBody = Static<typeof UpdateTopicBody>

export const CreatePartitionsBody = Type.Object(
  {
    numPartitions: Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'the new total' }),
    assignments: Type.Optional(Assignments),
  },
  closed,
)
export type CreatePartitionsBody = Static<typeof CreatePartitionsBody>

const Port = Type.Integer({ minimum: 1, maximum: 65_535 })
const Host = Type.String({ minLength: 1, maxLength: 255, pattern: '^[A-Za-z0-9._:-]+$' })
const Resources = MapOf(Type.Number(), { keyLengthMax: 100, entriesMax: 50 })
const ListenerSchema = Type.Object({ name: Text(100), host: Host, port: Port }, closed)

export const RegisterBrokerBody = Type.Object(
  {
    brokerId: Id,
    host: Host,
    port: Port,
    rack: Type.Optional(Nullable(Text(200))),
    resources: Type.Optional(Resources),
    listeners: Type.Optional(Type.Array(ListenerSchema, { maxItems: 20 })),
    incarnationId: Type.Optional(Text(64)),
    previousBrokerEpoch: Type.Optional(Version),
    pairedMetadataServiceId: Type.Optional(Id),
    clusterId: Type.Optional(Text(64)),
  },
  closed,
)
export type RegisterBrokerBody = Static<typeof RegisterBrokerBody>

export const HeartbeatBody = Type.Object(
  {
    brokerId: Id,
    timestamp: Time,
    metadataVersion: Version,
    recoveryEpoch: Type.Optional(Version),
    brokerEpoch: Type.Optional(Version),
    stateHash: Type.Optional(Text(64)),
    wantFence: Type.Optional(Type.Boolean()),
    wantShutdown: Type.Optional(Type.Boolean()),
    resources: Type.Optional(Resources),
    health: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { maxProperties: 50 })),
  },
  open,
)
export type HeartbeatBody = Static<typeof HeartbeatBody>

const IsrMember = Type.Object({ brokerId: Id, brokerEpoch: Version }, open)
export const AlterPartitionsBody = Type.Object(
  {
    brokerId: Id,
    brokerEpoch: Version,
    changes: Type.Array(
      Type.Object(
        {
          topic: TopicName,
          topicId: Type.Optional(Text(64)),
          partition: Id,
          leaderEpoch: Version,
          partitionEpoch: Version,
          newIsr: Type.Array(IsrMember, { minItems: 1, maxItems: 30 }),
        },
        open,
      ),
      { minItems: 1, maxItems: 2_000 },
    ),
  },
  open,
)
export type AlterPartitionsBody = Static<typeof AlterPartitionsBody>

export const StorageUpdateBody = Type.Object(
  {
    updateType: Type.Union([
      Type.Literal('FULL_SNAPSHOT'),
      Type.Literal('DELTA'),
      Type.Literal('CONTROLLER_CHANGED'),
    ]),
    clusterId: Text(64),
    recoveryEpoch: Version,
    fromVersion: Version,
    version: Version,
    stateHash: Type.Optional(Type.String()),
    timestamp: Time,
    controllerTerm: Version,
    controllerId: Id,
    controllerUrl: Text(300),
    commands: Type.Optional(
      Type.Array(Type.Object({ version: Version, commandType: Text(100), commandData: Type.String() }, open)),
    ),
    changes: Type.Optional(Type.Array(Type.Unknown())),
    snapshot: Type.Optional(Type.Unknown()),
    repair: Type.Optional(Type.Object({ version: Version, stateHash: Type.String() }, open)),
  },
  open,
)
export type StorageUpdateBody = Static<typeof StorageUpdateBody>

// What is asked for.

export const WriteQuery = Type.Object(wait, closed)
export type WriteQuery = Static<typeof WriteQuery>

export const ReadQuery = Type.Object(read, closed)
export type ReadQuery = Static<typeof ReadQuery>

export const ListTopicsQuery = Type.Object(
  {
    ...read,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
    after: Type.Optional(Type.String({ maxLength: 249 })),
  },
  closed,
)
export type ListTopicsQuery = Static<typeof ListTopicsQuery>

export const ListBrokersQuery = Type.Object(
  { ...read, limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })), after: Type.Optional(Id) },
  closed,
)
export type ListBrokersQuery = Static<typeof ListBrokersQuery>

export const UnregisterQuery = Type.Object({ ...wait, force: Type.Optional(Type.Boolean()) }, closed)
export type UnregisterQuery = Static<typeof UnregisterQuery>

const TopicNameParam = Type.String({ minLength: 1, maxLength: 1_000 })
export const TopicParams = Type.Object({ name: TopicNameParam })
export type TopicParams = Static<typeof TopicParams>
export const PartitionParams = Type.Object({ name: TopicNameParam, id: Id })
export type PartitionParams = Static<typeof PartitionParams>
export const BrokerParams = Type.Object({ brokerId: Id })
export type BrokerParams = Static<typeof BrokerParams>

// What is answered.

export const NotModified = Type.Null({ description: 'the client has this version already' })
export const ReadinessSchema = Type.Object({ status: Type.String(), reasons: Type.Array(Type.String()) })

export const PartitionSchema = Type.Object({
  id: Id,
  leader: Nullable(Id),
  leaderEpoch: Version,
  partitionEpoch: Version,
  replicas: Type.Array(Id),
  isr: Type.Array(Id),
  elr: Type.Array(Id),
  lastKnownLeader: Nullable(Id),
  offlineReplicas: Type.Array(Id),
  addingReplicas: Type.Array(Id),
  removingReplicas: Type.Array(Id),
  reassignment: Nullable(
    Type.Object({
      target: Type.Array(Id),
      cause: Type.String(),
      startedAt: Time,
      waiting: Type.Optional(Type.Literal(true, { description: 'it has not begun: others are moved first' })),
    }),
  ),
  createdAt: Time,
  modifiedAt: Time,
})

const topicRow = {
  topicName: Type.String(),
  topicId: Type.String(),
  numPartitions: Type.Integer(),
  replicationFactor: Type.Integer(),
  config: Type.Record(Type.String(), Type.String()),
  createdAt: Time,
  modifiedAt: Time,
}
export const TopicSchema = Type.Object({ ...topicRow, partitions: Type.Array(PartitionSchema) })
export const ValidTopicSchema = Type.Object(
  { valid: Type.Boolean() },
  { description: 'validateOnly: it could be created' },
)
export const TopicListSchema = Type.Object({
  version: Version,
  topics: Type.Array(Type.Object(topicRow)),
  next: Type.Optional(Type.String({ description: 'pass as `after` for the next page' })),
})

export const BrokerSchema = Type.Object({
  brokerId: Id,
  host: Type.String(),
  port: Type.Integer(),
  rack: Nullable(Type.String()),
  status: Type.String(),
  statusReason: Type.String(),
  statusSince: Time,
  drain: Nullable(
    Type.Object({ mode: Type.String(), since: Time, leaders: Type.Integer(), replicas: Type.Integer() }),
  ),
  health: Nullable(Type.Record(Type.String(), Type.Unknown())),
  brokerEpoch: Version,
  incarnationId: Nullable(Type.String()),
  registeredAt: Time,
  modifiedAt: Time,
  lastHeartbeatAt: Nullable(Time),
  pairedMetadataServiceId: Nullable(Id),
  resources: Type.Record(Type.String(), Type.Number()),
  listeners: Type.Array(ListenerSchema),
  leaders: Type.Integer(),
  replicas: Type.Integer(),
})
export const BrokerListSchema = Type.Object({
  version: Version,
  brokers: Type.Array(BrokerSchema),
  next: Type.Optional(Id),
})

export const ControllerSchema = Type.Object({
  controllerId: Id,
  url: Type.String(),
  term: Version,
  state: Type.Literal('LEADER'),
  nodeId: Id,
  nodeState: Type.String({ description: 'LEADER, FOLLOWER, CANDIDATE or LEARNER' }),
})

export const ClusterSchema = Type.Object({
  version: Version,
  clusterId: Nullable(Type.String()),
  controllerId: Nullable(Id),
  brokers: Type.Array(BrokerSchema),
  topics: Type.Array(TopicSchema),
})

export const LeaderSchema = Type.Object({
  brokerId: Id,
  host: Type.String(),
  port: Type.Integer(),
  leaderEpoch: Version,
})

export const HeartbeatAnswer = Type.Object({
  ack: Type.Boolean(),
  currentVersion: Version,
  controllerTerm: Version,
  timestamp: Time,
  brokerStatus: Type.String(),
  instructions: Type.Array(Type.String()),
  expandIsr: ExpandIsr,
})

export const AlterPartitionsAnswer = Type.Object({
  results: Type.Array(
    Type.Object({
      topic: Type.String(),
      partition: Id,
      isr: Type.Optional(Type.Array(Id)),
      leaderEpoch: Type.Optional(Version),
      partitionEpoch: Type.Optional(Version),
      error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
    }),
  ),
})

export const StorageUpdateAnswer = Type.Object({
  success: Type.Boolean(),
  version: Version,
  stateHash: Type.String(),
  gap: Type.Boolean(),
})
