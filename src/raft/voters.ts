import { assert } from '../base/assert.ts'
import { CHANGE_MEMBERS, type Entry, FOUND_CLUSTER, type Index, type NodeId } from './entry.ts'

/**
 * A voter is a node id with one data directory: the same id on another disk is somebody else (KIP-853). The address is
 * recorded for nodes that joined later, whom the configuration files of the others need not name.
 */
export type Voter = {
  readonly id: NodeId
  readonly uuid: string
  readonly host?: string
  readonly port?: number
}

/** Who votes, as the log says it. In force from the moment its entry is appended (section 6). */
export type Configuration = {
  /** Of the entry that brought it. */
  readonly index: Index
  readonly clusterId: string
  /** Grows when a cluster is recovered from a lost majority; nodes of different epochs do not hear each other. */
  readonly recoveryEpoch: number
  readonly voters: readonly Voter[]
  /** While voters are exchanged, those who were voters before: decisions need a majority of them as well. */
  readonly outgoing: readonly Voter[] | null
  /** Get the log, and do not vote. */
  readonly learners: readonly Voter[]
}

/** The body of entry 1. */
export function encodeFounding(clusterId: string, voters: readonly Voter[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ clusterId, recoveryEpoch: 0, voters }))
}

export function encodeConfiguration({ index: _index, ...body }: Configuration): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(body))
}

/** The configuration that an entry brings into force, or null for entries that bring none. Throws on a malformed body. */
export function configurationOf({ index, type, data }: Entry): Configuration | null {
  if (type !== FOUND_CLUSTER && type !== CHANGE_MEMBERS) return null
  return { ...decodeConfiguration(data), index }
}

export function decodeConfiguration(data: Uint8Array): Omit<Configuration, 'index'> {
  const body = JSON.parse(new TextDecoder().decode(data)) as Partial<Configuration>
  const { clusterId, recoveryEpoch = 0, voters, outgoing = null, learners = [] } = body
  assert(
    typeof clusterId === 'string' && isVoterList(voters),
    'a configuration names its cluster and its voters',
  )
  assert(voters.length > 0 && outgoing?.length !== 0, 'somebody votes')
  assert((outgoing === null || isVoterList(outgoing)) && isVoterList(learners), 'a voter is an id and a uuid')
  return { clusterId, recoveryEpoch, voters, outgoing, learners }
}

function isVoterList(list: unknown): list is readonly Voter[] {
  return Array.isArray(list) && list.every(isVoter)
}

function isVoter(value: unknown): value is Voter {
  const { id, uuid } = (value ?? {}) as { id?: unknown; uuid?: unknown }
  return Number.isSafeInteger(id) && typeof uuid === 'string'
}

/** Everybody who gets the log, each once, by ascending id. */
export function membersOf(configuration: Configuration | null): Voter[] {
  if (configuration === null) return []
  const { voters, outgoing, learners } = configuration
  const byId = new Map([...(outgoing ?? []), ...learners, ...voters].map(member => [member.id, member]))
  return [...byId.values()].sort((a, b) => a.id - b.id)
}

/** Those whose votes count, each once, by ascending id. */
export function electorsOf(configuration: Configuration | null): Voter[] {
  return configuration === null ? [] : membersOf({ ...configuration, learners: [] })
}

/** The data directory recorded for a node; null if it is no member. */
export function uuidOf(configuration: Configuration | null, id: NodeId): string | null {
  if (configuration === null) return null
  const { voters, outgoing, learners } = configuration
  const isIt = (member: Voter): boolean => member.id === id
  return (voters.find(isIt) ?? outgoing?.find(isIt) ?? learners.find(isIt))?.uuid ?? null
}

/**
 * The configurations of the log, oldest first. The last one is in force, committed or not; when its entry is cut off, the
 * one before it is in force again.
 */
export class Configurations {
  #list: Configuration[]

  constructor(list: readonly Configuration[]) {
    this.#list = [...list]
  }

  get current(): Configuration | null {
    return this.#list.at(-1) ?? null
  }

  /** The one in force where the log ends with `index`. */
  at(index: Index): Configuration | null {
    return this.#list.findLast(configuration => configuration.index <= index) ?? null
  }

  /** The data directory that was recorded last for a node, be it a member still or not. */
  lastUuidOf(id: NodeId): string | null {
    const last = this.#list.findLast(configuration => uuidOf(configuration, id) !== null)
    return uuidOf(last ?? null, id)
  }

  append(configuration: Configuration): void {
    assert(configuration.index > (this.current?.index ?? 0), 'configurations come in the order of the log')
    this.#list.push(configuration)
  }

  truncate(from: Index): void {
    this.#list = this.#list.filter(({ index }) => index < from)
  }

  /** Forgets those that the one in force at `index` replaced. */
  compact(index: Index): void {
    const first = this.#list.findLastIndex(configuration => configuration.index <= index)
    if (first > 0) this.#list = this.#list.slice(first)
  }
}
