/** A metadata node, as numbered in `services.json`. */
export type NodeId = number
/** An election period; at most one leader in each (Raft section 5.1). */
export type Term = number
/** A position in the log; the first entry has index 1, and 0 means "before every entry". */
export type Index = number
/** Monotonic milliseconds; only differences mean something. */
export type Milliseconds = number

/** Index and term name an entry uniquely (the Log Matching Property, section 5.3). Kept together so they never mix. */
export type EntryId = { readonly index: Index; readonly term: Term }

export const BEFORE_FIRST: EntryId = { index: 0, term: 0 }

/** One entry of the log. Types are command types of the contract; Raft itself reads only those named below. */
export type Entry = {
  readonly index: Index
  readonly term: Term
  readonly type: string
  readonly data: Uint8Array
}

/** What a caller wants in the log; the leader gives it index and term. */
export type Proposal = { readonly type: string; readonly data: Uint8Array }

/** Starts each leader's term, so that entries of older terms can commit (section 5.4.2; thesis 6.4). */
export const NO_OP = 'NoOpCommand'
/** Entry 1 of every cluster: its id, and its voters with the UUIDs of their data directories. */
export const FOUND_CLUSTER = 'FoundClusterCommand'

/** Changes who gets the log and who votes (section 6). */
export const CHANGE_MEMBERS = 'ChangeMembersCommand'

/** Entries that are Raft's own; the state machine never sees them. */
export function isInternal(type: string): boolean {
  return type === NO_OP || type === FOUND_CLUSTER || type === CHANGE_MEMBERS
}

/** What must be durable before anything that rests on it is said (section 5.2, figure 2), plus how far commits got. */
export type HardState = {
  readonly term: Term
  readonly votedFor: NodeId | null
  readonly commit: Index
  readonly clusterId: string | null
}

export const BLANK_HARD_STATE: HardState = { term: 0, votedFor: null, commit: 0, clusterId: null }

/** Bytes an entry takes in a message or on disk, near enough for caps. */
export function sizeOf(entry: Entry): number {
  return entry.data.length + entry.type.length + 24
}

/** True when a log ending in `a` is at least as up to date as one ending in `b` (section 5.4.1). */
export function atLeastAsUpToDate(a: EntryId, b: EntryId): boolean {
  return a.term !== b.term ? a.term > b.term : a.index >= b.index
}
