/**
 * Every failure that a user, an operator or another node can be told about: one row each.
 * `docs/errors.md` lists the same rows (a test compares them).
 *
 * status: the HTTP status; kafka: the Kafka protocol error number, -1 where Kafka has none; retriable: whether the
 * same request can succeed later without being changed.
 */
export const ERRORS = {
  INVALID_REQUEST: { status: 400, kafka: 42, retriable: false, meaning: 'The request is malformed.' },
  INVALID_TOPIC: { status: 400, kafka: 17, retriable: false, meaning: 'The topic name is not legal.' },
  INVALID_PARTITIONS: {
    status: 400,
    kafka: 37,
    retriable: false,
    meaning: 'The number of partitions is not legal.',
  },
  INVALID_REPLICATION_FACTOR: {
    status: 400,
    kafka: 38,
    retriable: false,
    meaning: 'The replication factor is not legal.',
  },
  INVALID_REPLICA_ASSIGNMENT: {
    status: 400,
    kafka: 39,
    retriable: false,
    meaning: 'The replica assignment is not legal.',
  },
  INVALID_CONFIG: {
    status: 400,
    kafka: 40,
    retriable: false,
    meaning: 'A config key or value is not legal.',
  },
  UNAUTHENTICATED: {
    status: 401,
    kafka: 58,
    retriable: false,
    meaning: 'Proof of the cluster key is missing or wrong.',
  },
  NOT_FOUND: { status: 404, kafka: -1, retriable: false, meaning: 'There is no such endpoint.' },
  UNKNOWN_TOPIC: { status: 404, kafka: 3, retriable: false, meaning: 'There is no such topic.' },
  UNKNOWN_PARTITION: { status: 404, kafka: 3, retriable: false, meaning: 'The topic has no such partition.' },
  UNKNOWN_BROKER: {
    status: 404,
    kafka: 102,
    retriable: false,
    meaning: 'No broker with this id is registered.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    kafka: -1,
    retriable: false,
    meaning: 'The endpoint does not know this method.',
  },
  TOPIC_ALREADY_EXISTS: {
    status: 409,
    kafka: 36,
    retriable: false,
    meaning: 'A topic with this name exists.',
  },
  DUPLICATE_BROKER: {
    status: 409,
    kafka: 101,
    retriable: true,
    meaning: 'Another live process has this broker id.',
  },
  STALE_BROKER_EPOCH: {
    status: 409,
    kafka: 77,
    retriable: false,
    meaning: 'The broker has registered again since.',
  },
  BROKER_HAS_REPLICAS: {
    status: 409,
    kafka: -1,
    retriable: false,
    meaning: 'The broker still holds replicas.',
  },
  NOT_ENOUGH_BROKERS: {
    status: 409,
    kafka: 38,
    retriable: true,
    meaning: 'Too few live brokers for this placement.',
  },
  CLUSTER_ID_MISMATCH: {
    status: 409,
    kafka: 104,
    retriable: false,
    meaning: 'The request names another cluster.',
  },
  VOTER_MISMATCH: {
    status: 409,
    kafka: 125,
    retriable: false,
    meaning: 'The data directory is not the recorded one.',
  },
  VERSION_COMPACTED: {
    status: 410,
    kafka: -1,
    retriable: false,
    meaning: 'Changes since that version are gone.',
  },
  BODY_TOO_LARGE: {
    status: 413,
    kafka: 10,
    retriable: false,
    meaning: 'The request body is over the limit.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    kafka: -1,
    retriable: false,
    meaning: 'The request body is not JSON.',
  },
  INTERNAL: { status: 500, kafka: -1, retriable: false, meaning: 'A bug in DMQ; the node has logged it.' },
  NOT_CONTROLLER: { status: 503, kafka: 41, retriable: true, meaning: 'This node is not the controller.' },
  NO_CONTROLLER: { status: 503, kafka: 41, retriable: true, meaning: 'There is no controller now.' },
  OVERLOADED: { status: 503, kafka: 89, retriable: true, meaning: 'Too many writes wait for their commit.' },
  COMMIT_TIMEOUT: {
    status: 504,
    kafka: 7,
    retriable: true,
    meaning: 'Not committed in time: the outcome is unknown.',
  },
  VERSION_TIMEOUT: {
    status: 504,
    kafka: 7,
    retriable: true,
    meaning: 'The node did not reach that version in time.',
  },
} as const satisfies Record<string, ErrorRow>

export type ErrorRow = { status: number; kafka: number; retriable: boolean; meaning: string }
export type ErrorCode = keyof typeof ERRORS

/** A failure to report: its code is a row of {@link ERRORS}; its message says what was given, expected and to do. */
export class DmqError extends Error {
  override name = 'DmqError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>> | undefined

  constructor(code: ErrorCode, message: string, details?: Readonly<Record<string, unknown>>) {
    super(message)
    this.code = code
    this.details = details
  }
}

/** A start or a running process that cannot go on; printed as one clear line, without a stack. */
export class FatalError extends Error {
  override name = 'FatalError'
}

/** What was thrown, as a sentence. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
