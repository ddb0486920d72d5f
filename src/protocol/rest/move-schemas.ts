import { type Static, Type } from 'typebox'
import { closed, Id, Nullable, Text, Time } from './fields.ts'

/** Elections, moves of replicas, and brokers that are emptied. What users send is closed. */
const PartitionName = { topic: Text(249), partition: Id }
const Replicas = Type.Array(Id, { minItems: 1, maxItems: 30 })
export const PartError = Type.Object(
  {
    code: Type.String(),
    message: Type.String(),
    details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { description: 'why this part was refused' },
)

export const ElectionsBody = Type.Object(
  {
    type: Type.Unsafe<'PREFERRED' | 'UNCLEAN'>({ type: 'string', enum: ['PREFERRED', 'UNCLEAN'] }),
    partitions: Type.Optional(
      Type.Array(Type.Object(PartitionName, closed), {
        minItems: 1,
        maxItems: 10_000,
        description: 'left out: all to which it may apply',
      }),
    ),
  },
  closed,
)
export type ElectionsBody = Static<typeof ElectionsBody>

export const ElectionsAnswer = Type.Object({
  results: Type.Array(
    Type.Object({
      ...PartitionName,
      leader: Type.Optional(Nullable(Id)),
      leaderEpoch: Type.Optional(Type.Integer()),
      // ELECTION_NOT_NEEDED: nothing had to be done.
      error: Type.Optional(PartError),
    }),
  ),
})

export const ReassignmentsBody = Type.Array(Type.Object({ ...PartitionName, replicas: Replicas }, closed), {
  minItems: 1,
  maxItems: 10_000,
})
export type ReassignmentsBody = Static<typeof ReassignmentsBody>

export const ReassignmentsAnswer = Type.Object({
  results: Type.Array(
    Type.Object({
      ...PartitionName,
      outcome: Type.Optional(
        Type.String({
          description:
            'MOVING, WAITING (others are moved first), DONE, UNCHANGED (its replicas were so, or were to be, already); of a repeat also GIVEN_UP: it was cancelled meanwhile',
        }),
      ),
      error: Type.Optional(PartError),
    }),
  ),
})

export const ReassignmentList = Type.Object({
  reassignments: Type.Array(
    Type.Object({
      topic: Type.String(),
      partition: Id,
      replicas: Type.Array(Id),
      target: Type.Array(Id),
      addingReplicas: Type.Array(Id),
      removingReplicas: Type.Array(Id),
      cause: Type.String({ description: 'MANUAL, DECOMMISSION, REBALANCE or RECOVERY' }),
      startedAt: Time,
      state: Type.String({
        description: 'MOVING; or WAITING for its turn, and startedAt is when it was asked for',
      }),
      waitsFor: Type.Array(Type.String()),
    }),
  ),
})

export const ReassignmentParams = Type.Object({
  topic: Type.String({ minLength: 1, maxLength: 1_000 }),
  partition: Id,
})
export type ReassignmentParams = Static<typeof ReassignmentParams>

const MovesMax = Type.Integer({
  minimum: 0,
  maximum: 10_000,
  description: 'at most so many partitions are moved at a time; 0: no more moves begin',
})

export const MoveThrottleBody = Type.Object(
  { movesMax: Type.Union([MovesMax, Type.Null()], { description: 'null: as the controller is configured' }) },
  closed,
)
export type MoveThrottleBody = Static<typeof MoveThrottleBody>

export const MoveThrottleState = Type.Object({
  movesMax: MovesMax,
  setBy: Type.String({ description: 'OPERATOR, or CONFIGURATION (reassignment.max-moves)' }),
  moving: Type.Integer({ description: 'partitions whose replicas are being moved' }),
  waiting: Type.Integer({ description: 'partitions whose replicas are to be moved' }),
  holdsOperators: Type.Boolean({
    description:
      'what an operator moves waits for its turn (true from level 4 of metadata.version on), not only what the controller does',
  }),
})

const Share = Type.Object({ atStart: Type.Integer(), left: Type.Integer() })
export const DrainProgressSchema = Type.Object({
  brokerId: Id,
  status: Type.String(),
  mode: Nullable(Type.String({ description: 'DRAIN, DECOMMISSION, or null: it is not drained' })),
  since: Nullable(Time),
  done: Type.Boolean(),
  leaders: Share,
  replicas: Share,
  moved: Type.Integer({ description: 'of what it led (DRAIN) or held (DECOMMISSION) when it began' }),
  left: Type.Array(Type.Object({ ...PartitionName, why: Type.String() }), {
    description: 'what is not moved yet, and why; the first hundred',
  }),
})

export const RebalanceBody = Type.Object({ dryRun: Type.Optional(Type.Boolean()) }, closed)
export type RebalanceBody = Static<typeof RebalanceBody>

export const RebalanceState = Type.Object({
  state: Type.String({
    description:
      'RUNNING; INTERRUPTED: what it began goes on, and nothing follows (it was ended, or its controller is gone); or NONE',
  }),
  since: Nullable(Time),
  moving: Type.Integer({ description: 'partitions that it moves now' }),
  outlivesController: Type.Boolean({ description: 'true from level 2 of metadata.version on' }),
})

export const RebalanceAnswer = Type.Object({
  started: Type.Boolean({ description: 'the controller carries it out, a few moves at a time' }),
  complete: Type.Boolean({ description: 'these moves are all; false: more follow when they are done' }),
  copies: Type.Integer({ description: 'replicas that are copied' }),
  moves: Type.Array(Type.Object({ ...PartitionName, from: Replicas, to: Replicas, reason: Type.String() })),
})
