import type { Publisher } from './publisher.ts'
import type { Replica } from './replica.ts'
import type { Subscriber } from './subscriber.ts'

export type CopyState = 'CONSISTENT' | 'DIFFERS' | 'BEHIND' | 'UNREACHABLE' | 'UNKNOWN'

/** What one node has, beside what the controller had at the same version. */
export type ComparedCopy = {
  readonly serviceType: 'METADATA' | 'STORAGE'
  readonly serviceId: number
  readonly version: number | null
  readonly stateHash: string | null
  readonly expected: string | null
  readonly state: CopyState
}

/** What a metadata node has at a version: null where it does not know any more; throws when it does not answer. */
export type AskHash = (nodeId: number, version: number) => Promise<string | null>

/**
 * The state hashes of all nodes, compared at one version: metadata nodes are asked for theirs at the controller's version;
 * of a storage node counts what it said last, with what the controller had at that version.
 */
export async function compareCopies(
  replica: Replica,
  publisher: Publisher,
  nodeIds: readonly number[],
  ask: AskHash,
) {
  const { version, stateHash } = replica.image
  const metadata = await Promise.all(nodeIds.map(id => metadataCopy(id, version, stateHash, ask)))
  const storage = publisher.subscribers().map(subscriber => storageCopy(replica, version, subscriber))
  const nodes = [...metadata, ...storage]
  const differing = nodes.filter(({ state }) => state === 'DIFFERS')
  const compared = nodes.filter(({ state }) => state === 'CONSISTENT' || state === 'DIFFERS')
  return {
    version,
    stateHash,
    status: differing.length > 0 ? ('INCONSISTENT' as const) : ('CONSISTENT' as const),
    differing: differing.map(nameOf),
    notCompared: nodes.filter(node => !compared.includes(node)).map(nameOf),
    nodes,
  }
}

function nameOf({ serviceType, serviceId }: ComparedCopy) {
  return { serviceType, serviceId }
}

async function metadataCopy(
  serviceId: number,
  version: number,
  expected: string,
  ask: AskHash,
): Promise<ComparedCopy> {
  const node = { serviceType: 'METADATA' as const, serviceId, version, expected }
  try {
    const stateHash = await ask(serviceId, version)
    if (stateHash === null) return { ...node, stateHash, state: 'UNKNOWN' }
    return { ...node, stateHash, state: stateHash === expected ? 'CONSISTENT' : 'DIFFERS' }
  } catch {
    return { ...node, version: null, stateHash: null, state: 'UNREACHABLE' }
  }
}

function storageCopy(replica: Replica, newest: number, subscriber: Readonly<Subscriber>): ComparedCopy {
  const { broker, version, stateHash, failures, repair } = subscriber
  const expected = version === null ? null : replica.hashes.at(version)
  const node = {
    serviceType: 'STORAGE' as const,
    serviceId: broker.brokerId,
    version,
    stateHash,
    expected,
  }
  if (failures > 0) return { ...node, state: 'UNREACHABLE' }
  if (repair || (stateHash !== null && expected !== null && stateHash !== expected))
    return { ...node, state: 'DIFFERS' }
  if (version === null || stateHash === null) return { ...node, state: 'UNKNOWN' }
  if (expected === null) return { ...node, state: version < newest ? 'BEHIND' : 'UNKNOWN' }
  return { ...node, state: 'CONSISTENT' }
}
