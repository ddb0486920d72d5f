export type ErrorRow = {
  /** The HTTP status. */
  readonly status: number
  /** The Kafka protocol error number; -1 where Kafka has none. */
  readonly kafka: number
  /** Whether the same request can succeed later without being changed. */
  readonly retriable: boolean
  readonly meaning: string
}

function row(status: number, kafka: number, retriable: boolean, meaning: string): ErrorRow {
  return { status, kafka, retriable, meaning }
}

/**
 * Every failure that a user, an operator or another node can be told about: one row each.
 * `docs/errors.md` lists the same rows; a test compares them.
 */
export const ERRORS = {
  INVALID_REQUEST: row(400, 42, false, 'The request is malformed.'),
  INVALID_TOPIC: row(400, 17, false, 'The topic name is not legal.'),
  INVALID_PARTITIONS: row(400, 37, false, 'The number of partitions is not legal.'),
  INVALID_REPLICATION_FACTOR: row(400, 38, false, 'The replication factor is not legal.'),
  INVALID_REPLICA_ASSIGNMENT: row(400, 39, false, 'The replica assignment is not legal.'),
  INVALID_CONFIG: row(400, 40, false, 'A config key or value is not legal.'),
  UNAUTHENTICATED: row(401, 58, false, 'Proof of the cluster key is missing or wrong.'),
  NOT_FOUND: row(404, -1, false, 'There is no such endpoint.'),
  UNKNOWN_TOPIC: row(404, 3, false, 'There is no such topic.'),
  UNKNOWN_TOPIC_ID: row(404, 100, true, 'The topic was deleted; another has its name.'),
  UNKNOWN_PARTITION: row(404, 3, false, 'The topic has no such partition.'),
  UNKNOWN_BROKER: row(404, 102, false, 'No broker with this id is registered.'),
  UNKNOWN_RACK: row(404, -1, false, 'No broker is in this rack.'),
  TOPIC_ALREADY_EXISTS: row(409, 36, false, 'A topic with this name exists.'),
  DUPLICATE_BROKER: row(409, 101, true, 'Another live process has this broker id.'),
  STALE_BROKER_EPOCH: row(409, 77, false, 'The broker has registered again since.'),
  FENCED_LEADER_EPOCH: row(409, 74, false, 'The partition has a newer leader epoch.'),
  INVALID_UPDATE_VERSION: row(409, 95, true, 'The partition was changed in between.'),
  INELIGIBLE_REPLICA: row(409, 107, true, 'A proposed ISR member is not ONLINE with that epoch.'),
  REASSIGNMENT_IN_PROGRESS: row(409, 60, true, 'The replicas of the partition are being moved.'),
  NO_REASSIGNMENT_IN_PROGRESS: row(409, 85, false, 'The replicas of the partition are not being moved.'),
  PREFERRED_LEADER_NOT_AVAILABLE: row(409, 80, true, 'The preferred leader cannot lead now.'),
  ELIGIBLE_LEADERS_NOT_AVAILABLE: row(409, 83, true, 'No replica can lead.'),
  ELECTION_NOT_NEEDED: row(409, 84, false, 'The partition is led as it was asked for already.'),
  FEATURE_UPDATE_FAILED: row(409, 91, true, 'The level of a feature cannot be in force, or not now.'),
  BROKER_HAS_REPLICAS: row(409, -1, false, 'The broker still holds replicas.'),
  NOT_ENOUGH_BROKERS: row(409, 38, true, 'Too few live brokers for this placement.'),
  LEADER_NOT_AVAILABLE: row(409, 5, true, 'The partition has no leader now.'),
  CLUSTER_ID_MISMATCH: row(409, 104, false, 'The message is from another cluster.'),
  VOTER_MISMATCH: row(409, 125, false, 'Sender or receiver is not the recorded voter.'),
  MEMBERSHIP_CHANGE_REFUSED: row(409, -1, true, 'The members cannot be changed so, or not now.'),
  IDEMPOTENCY_KEY_REUSED: row(409, -1, false, 'The Idempotency-Key came before with another request.'),
  VERSION_COMPACTED: row(410, -1, false, 'The changes since that version are gone.'),
  BODY_TOO_LARGE: row(413, 10, false, 'The request body is over the limit.'),
  UNSUPPORTED_MEDIA_TYPE: row(415, -1, false, 'The request body is not JSON.'),
  INTERNAL: row(500, -1, false, 'A bug in DMQ; the node has logged it.'),
  NOT_CONTROLLER: row(503, 41, true, 'This node is not the controller.'),
  NO_CONTROLLER: row(503, 41, true, 'There is no controller now.'),
  STORAGE_FULL: row(503, 56, true, 'The disk of the controller is nearly full.'),
  OVERLOADED: row(503, 89, true, 'Too many writes wait for their commit.'),
  COMMIT_TIMEOUT: row(504, 7, true, 'Not committed in time: the outcome is unknown.'),
  VERSION_TIMEOUT: row(504, 7, true, 'The node did not reach that version in time.'),
} as const satisfies Record<string, ErrorRow>

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

/**
 * Message and details of an error that can be helped. The remedy is in words of REST, and is in the details once more: a client
 * whose users have other words for it (the CLI) puts its own in the place of it.
 */
export function remedied(
  fact: string,
  remedy: string,
  details: Readonly<Record<string, unknown>> = {},
): [message: string, details: Readonly<Record<string, unknown>>] {
  return [`${fact} ${remedy}`, { ...details, remedy }]
}

/** A start or a running process that cannot go on; printed as one clear line, without a stack. */
export class FatalError extends Error {
  override name = 'FatalError'
}

/** The same on one line: parsers quote the file they read, line breaks and all. */
export function lineOf(error: unknown): string {
  return messageOf(error).replaceAll(/\s+/g, ' ').trim()
}

/** What was thrown, as a sentence. Node says nothing of a host all of whose addresses refuse: each of them does. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
