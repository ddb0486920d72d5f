import { assert } from '../base/assert.ts'
import { type Entry, FOUND_CLUSTER, type Index, type NodeId } from './entry.ts'

/** A voter is a node id with one data directory: the same id on another disk is somebody else (KIP-853). */
export type Voter = { readonly id: NodeId; readonly uuid: string }

/** Who votes, as the log says it. In force from the moment its entry is appended (section 6). */
export type Configuration = {
  readonly index: Index
  readonly clusterId: string
  readonly recoveryEpoch: number
  readonly voters: readonly Voter[]
}

/** The body of entry 1. */
export function encodeFounding(clusterId: string, voters: readonly Voter[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ clusterId, recoveryEpoch: 0, voters }))
}

/** The configuration that an entry brings into force, or null for entries that bring none. */
export function configurationOf(entry: Entry): Configuration | null {
  if (entry.type !== FOUND_CLUSTER) return null
  const body = JSON.parse(new TextDecoder().decode(entry.data)) as Omit<Configuration, 'index'>
  assert(
    typeof body.clusterId === 'string' && Array.isArray(body.voters),
    'a founding entry names its voters',
  )
  return { ...body, index: entry.index }
}

export function uuidOf(configuration: Configuration | null, id: NodeId): string | null {
  return configuration?.voters.find(voter => voter.id === id)?.uuid ?? null
}
