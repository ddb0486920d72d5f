/** The error body of the REST contract. */
export type ErrorView = {
  readonly code: string
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>>
}

type Remedy = (details: Readonly<Record<string, unknown>>) => string

/** What to do, in the words of this command line, where the server says it in words of REST. */
const REMEDIES: Readonly<Record<string, Remedy>> = {
  BROKER_HAS_REPLICAS: ({ brokerId, status }) =>
    status === 'OFFLINE'
      ? `Start it and move them away (dmq broker decommission ${brokerId} --wait), or give them up: dmq broker remove ${brokerId} --force.`
      : `Move them away first: dmq broker decommission ${brokerId} --wait. --force gives them up, and is taken only while the broker is OFFLINE.`,
  UNKNOWN_BROKER: () =>
    'dmq broker list shows those that are; a storage node registers by itself when it starts.',
  REASSIGNMENT_IN_PROGRESS: ({ topic, partition }) =>
    `Wait for it (dmq reassign list), or cancel it: dmq reassign cancel ${topic}-${partition}`,
  NO_REASSIGNMENT_IN_PROGRESS: () => 'dmq reassign list shows the moves there are.',
  UNAUTHENTICATED: ({ proof }) =>
    proof === 'of another time'
      ? 'Set the clock of this machine, or of the node.'
      : 'Give the key of this cluster with --cluster-key-file or CLUSTER_KEY_FILE.',
  NOT_CONTROLLER: () => 'Can it be reached from here? -b names the nodes to ask.',
}

/** What fields of requests are called here. */
const FLAGS: Readonly<Record<string, string>> = {
  numPartitions: '--partitions',
  replicationFactor: '--replication-factor',
  assignments: '--assignment',
  topicName: 'topic',
  brokerId: 'broker id',
  nodeId: 'node id',
  broker: '--broker',
  limit: '--limit',
  from: '--from',
  to: '--to',
}

/** A value that is not legal, by the name of the option it came from. */
function illegalValue({ details }: ErrorView): string | null {
  if (typeof details?.field !== 'string') return null
  const [name] = details.field.split('.').slice(-1)
  const flag = FLAGS[name!]
  return flag === undefined ? null : `${flag}: ${details.expected}`
}

/**
 * An error as users of this command line can act on it: the remedy that the server names apart is replaced. What it does not
 * name so is left as it is.
 */
export function inOurWords<E extends ErrorView>(error: E): E {
  const { code, message, details } = error
  const illegal = illegalValue(error)
  if (illegal !== null) return { ...error, message: illegal }
  const theirs = details?.remedy
  const ours = REMEDIES[code]?.(details ?? {})
  if (typeof theirs !== 'string' || ours === undefined || !message.endsWith(theirs)) return error
  const fact = message.slice(0, message.length - theirs.length)
  return { ...error, message: `${fact}${ours}`, details: { ...details, remedy: ours } }
}
