import { type Static, Type } from 'typebox'
import { closed, Id, Nullable, Text, Time, Version } from './fields.ts'
import { PartError, ReassignmentsBody } from './move-schemas.ts'
import { CreateTopicBody, ReadQuery } from './schemas.ts'

/** The past, what it explains, and what would be. */
export const HistoryQuery = Type.Object(
  {
    ...ReadQuery.properties,
    topic: Type.Optional(Text(249)),
    broker: Type.Optional(Id),
    from: Type.Optional(
      Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'the first version' }),
    ),
    to: Type.Optional(
      Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'the last version' }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
    after: Type.Optional(Version),
  },
  closed,
)
export type HistoryQuery = Static<typeof HistoryQuery>

const PartitionState = Type.Object({
  leader: Nullable(Id),
  leaderEpoch: Version,
  partitionEpoch: Version,
  replicas: Type.Array(Id),
  isr: Type.Array(Id),
  elr: Type.Array(Id),
})

export const HistorySchema = Type.Object({
  version: Version,
  knownAfter: Type.Integer({ description: 'everything after this version is known here' }),
  entries: Type.Array(
    Type.Object({
      version: Version,
      time: Time,
      commandType: Type.String(),
      text: Type.String({ description: 'what happened, for people' }),
      by: Nullable(Type.String({ description: 'the operation, or the duty of the controller' })),
      idempotencyKey: Nullable(Type.String()),
      topics: Type.Array(Type.String(), { description: 'the first of topicCount' }),
      topicCount: Type.Integer(),
      brokers: Type.Array(Id),
      partitions: Type.Array(
        Type.Object({
          topic: Type.String(),
          partition: Id,
          text: Type.String(),
          before: PartitionState,
          after: PartitionState,
        }),
        { description: 'those that topic and broker ask for; else the first few' },
      ),
      partitionCount: Type.Integer({ description: 'how many it changed in all' }),
      complete: Type.Boolean({ description: 'partitions holds all that were asked for' }),
    }),
  ),
  next: Type.Optional(Type.Integer({ description: 'pass as `after` for the next page' })),
})

const told = {
  code: Type.String(),
  what: Type.String(),
  since: Type.Optional(Time),
  version: Type.Optional(Version),
  remedy: Type.Optional(Type.String({ description: 'what can be done' })),
}
/** Chains of causes are shorter than this. */
const Cause3 = Type.Object({ ...told, because: Type.Array(Type.Unknown()) })
const Cause2 = Type.Object({ ...told, because: Type.Array(Cause3) })
const Cause1 = Type.Object({ ...told, because: Type.Array(Cause2) })
export const FindingsSchema = Type.Object({
  version: Version,
  findings: Type.Array(Type.Object({ ...told, because: Type.Array(Cause1) })),
})

export const ExplainPartitionParams = Type.Object({
  topic: Type.String({ minLength: 1, maxLength: 1_000 }),
  id: Id,
})
export type ExplainPartitionParams = Static<typeof ExplainPartitionParams>

const { topicName, numPartitions, replicationFactor, assignments, config } = CreateTopicBody.properties
export const PlanBody = Type.Object(
  {
    action: Type.Unsafe<
      'lose-broker' | 'lose-rack' | 'drain' | 'decommission' | 'remove-broker' | 'reassign' | 'create-topic'
    >({
      type: 'string',
      enum: [
        'lose-broker',
        'lose-rack',
        'drain',
        'decommission',
        'remove-broker',
        'reassign',
        'create-topic',
      ],
    }),
    brokerId: Type.Optional(Id),
    rack: Type.Optional(Text(200)),
    force: Type.Optional(Type.Boolean()),
    reassignments: Type.Optional(ReassignmentsBody),
    topic: Type.Optional(
      Type.Object({ topicName, numPartitions, replicationFactor, assignments, config }, closed),
    ),
  },
  closed,
)
export type PlanBody = Static<typeof PlanBody>

const Load = Type.Object({ leaders: Type.Integer(), replicas: Type.Integer() })
/** All are counted, and the first of them listed. */
const some = <T extends Type.TSchema>(of: T, options: { description?: string } = {}) =>
  Type.Object({ count: Type.Integer(), first: Type.Array(of) }, options)
const Names = some(Type.String())
const Move = Type.Object({ topic: Type.String(), partition: Id, from: Type.Array(Id), to: Type.Array(Id) })
const Stays = Type.Object({ topic: Type.String(), partition: Id, why: Type.String() })
export const PlanSchema = Type.Object({
  action: Type.String(),
  version: Type.Integer({ description: 'of the metadata that the plan is about' }),
  changed: some(
    Type.Object({
      topic: Type.String(),
      partition: Id,
      before: Type.Union([PartitionState, Type.Null()], { description: 'null: it is not there yet' }),
      after: PartitionState,
    }),
  ),
  newLeaders: Type.Integer({ description: 'partitions that another broker would lead' }),
  leaderless: Names,
  underMinIsr: Names,
  brokers: Type.Array(Type.Object({ brokerId: Id, before: Load, after: Load })),
  refused: Type.Array(PartError),
  notes: Type.Array(Type.String(), {
    description: 'what is so already, or else should be known of the plan',
  }),
  moves: Type.Optional(some(Move, { description: 'decommission: where its replicas would go' })),
  stays: Type.Optional(some(Stays, { description: 'decommission: replicas that nobody could take now' })),
  underWay: Type.Optional(
    Type.Integer({ description: 'decommission: replicas that are on their way already' }),
  ),
})
