import assert from 'node:assert/strict'
import {
  atLeastAsUpToDate,
  type Entry,
  type Index,
  isInternal,
  type NodeId,
  type Term,
} from '../../../src/raft/entry.ts'
import type { Persist, ReadIndexResult } from '../../../src/raft/io.ts'
import type { Envelope } from '../../../src/raft/message.ts'
import type { Snapshot } from '../../../src/raft/snapshot.ts'
import { type Configuration, configurationOf } from '../../../src/raft/voters.ts'
import { entryAt, lastIndexOf, lastOf, type ModelLog } from './disk.ts'
import type { Node, Observer } from './node.ts'
import { changesOneSet, holds, isQuorum } from './who.ts'

type Committed = {
  readonly entry: Entry
  /** The term of whoever knew it first, and the configuration that it was committed under. */
  readonly knownIn: Term
  readonly configuration: Configuration
}

type Seen = { readonly raft: object; term: Term; commit: Index; leads: boolean; configuredAt: Index }

/**
 * What may never happen, whatever the network and the disks do: figure 3 of the paper and the invariants I1 to I18 of
 * the reference, checked after every step against the simulated disks and with the history of the whole run.
 */
export class Safety implements Observer {
  readonly nodes: ReadonlyMap<NodeId, Node>
  readonly counts = {
    elections: 0,
    truncations: 0,
    truncationsInFlight: 0,
    commits: 0,
    resets: 0,
    installs: 0,
    installsCut: 0,
    changes: 0,
    changesCut: 0,
    jointElections: 0,
    abdications: 0,
    handOvers: 0,
    readsAnswered: 0,
    readsRefused: 0,
    parts: 0,
  }
  readonly committed: Committed[] = []
  readonly #leaders = new Map<Term, NodeId>()
  /** Every entry that was ever in a log, by index and term, with the term of its predecessor there. */
  readonly #entries = new Map<string, { entry: Entry; previous: Term | undefined }>()
  readonly #last = new Map<NodeId, Seen>()
  /** What was committed when a read was asked. */
  readonly #asked = new Map<number, Index>()
  /** The newest snapshot of a disk, by its UUID. */
  readonly #snapshots = new Map<string, Index>()

  constructor(nodes: ReadonlyMap<NodeId, Node>) {
    this.nodes = nodes
  }

  issued(node: Node, { truncateFrom, resetTo, entries }: Persist): void {
    const log = { base: node.base, entries: node.log }
    if (resetTo !== null) {
      this.counts.resets += 1
      this.#keepsCommitted(node, log, resetTo + 1)
    }
    if (truncateFrom !== null) {
      this.counts.truncations += 1
      if (node.pending.length > 0) this.counts.truncationsInFlight += 1
      if (node.log.slice(truncateFrom - node.base - 1).some(entry => configurationOf(entry) !== null))
        this.counts.changesCut += 1
      this.#keepsCommitted(node, log, truncateFrom)
      const before = this.#last.get(node.id)
      const { role, term } = node.status
      const reigns = before?.raft === node.raft && before.leads && role === 'LEADER' && before.term === term
      assert(!reigns, 'a leader only appends (I12)')
    }
    for (const [i, entry] of entries.entries()) {
      const previous = i > 0 ? entries[i - 1]!.term : termAt(node, entry.index - 1, resetTo)
      this.#matchesAll(entry, previous)
    }
    this.#configurationsFollow(node, entries, truncateFrom ?? entries[0]?.index ?? 0)
  }

  /** I2: if two logs hold an entry of the same index and term, they are equal up to it; by induction, from neighbour to neighbour. */
  #matchesAll(entry: Entry, previous: Term | undefined): void {
    assert(previous === undefined || entry.term >= previous, 'terms in a log never decrease (I15)')
    const key = `${entry.index} of ${entry.term}`
    const known = this.#entries.get(key)
    if (known === undefined) {
      this.#entries.set(key, { entry, previous })
      return
    }
    assert(same(known.entry, entry), `two entries ${key} differ (I2)`)
    known.previous ??= previous
    assert(
      previous === undefined || previous === known.previous,
      `the entries before ${key} differ (I2): terms ${previous} and ${known.previous}`,
    )
  }

  /** I9: of two configurations that follow each other in a log, any two quorums share a node. */
  #configurationsFollow(node: Node, entries: readonly Entry[], from: Index): void {
    const own = node.log.findLast(({ index, type }) => index < from && isConfiguration(type))
    let before = own === undefined ? null : configurationOf(own)
    for (const entry of entries) {
      const next = configurationOf(entry)
      if (next === null) continue
      assert(before === null || changesOneSet(before, next), `configuration ${next.index} is too far (I9)`)
      before = next
    }
  }

  /** I5: a straggler may cut what others have committed meanwhile, but never one of the quorum that it rests on. */
  #keepsCommitted(node: Node, log: ModelLog, from: Index): void {
    for (let index = Math.max(from, log.base + 1); index <= lastIndexOf(log); index++) {
      const known = this.committed[index - 1]
      if (known?.entry.term === entryAt(log, index)!.term)
        this.#onQuorum(known.entry, known.configuration, node)
    }
  }

  /** I6 and I8: durable on the disks of a quorum, and not about to be cut there. */
  #onQuorum(entry: Entry, configuration: Configuration, except?: Node): void {
    const has = (id: NodeId, uuid: string): boolean => {
      const node = this.nodes.get(id)
      return node !== undefined && node !== except && node.disk.uuid === uuid && holds(node, entry)
    }
    // Members may have left since: then it rests on those of the latest entry that is committed.
    const latest = this.committed.at(-1)?.configuration ?? configuration
    if (isQuorum(configuration, has) || isQuorum(latest, has)) return
    const ids = [...this.nodes.values()].filter(({ id, disk }) => has(id, disk.uuid)).map(({ id }) => id)
    assert.fail(`entry ${entry.index} is committed, but on the disks of ${ids} only (I6)`)
  }

  written(node: Node, { hardState, truncateFrom, resetTo }: Persist): void {
    const before = node.disk.hardState
    assert(hardState.term >= before.term, 'the term on disk never goes back (I10)')
    assert(hardState.commit >= before.commit, 'the commit index on disk never goes back')
    assert(
      before.clusterId === null || hardState.clusterId === before.clusterId,
      'a disk stays in its cluster',
    )
    if (hardState.term === before.term && before.votedFor !== null) {
      assert.equal(hardState.votedFor, before.votedFor, `one vote in term ${hardState.term} (I10)`)
    }
    if (truncateFrom !== null) this.#keepsCommitted(node, node.disk, truncateFrom)
    if (resetTo !== null) this.#keepsCommitted(node, node.disk, resetTo + 1)
  }

  /** Figure 2, "updated on stable storage before responding": whatever a message says must be on disk by now. */
  sent(node: Node, { to, message }: Envelope): void {
    const { hardState } = node.disk
    if (message.type === 'foundingProbe' || message.type === 'foundingAnswer') return
    if ('preVote' in message && message.preVote) return
    if (message.type === 'timeoutNow') this.counts.handOvers += 1
    if (message.type === 'installSnapshot') this.counts.parts += 1
    const text = `node ${node.id} says ${JSON.stringify({ ...message, entries: undefined })} to ${to}, but its disk does not`
    assert(hardState.term >= message.term, text)
    // What it said of an older term it may have said before it cut its log; nothing rests on that any more.
    if (hardState.term > message.term) return
    if (message.type === 'voteReply' && message.granted) assert.equal(hardState.votedFor, to, text)
    if (message.type === 'voteRequest') {
      assert.equal(hardState.votedFor, node.id, text)
      // Who meanwhile follows the winner of this very term may have cut its log; its request wins nothing any more.
      const runs = node.status.role === 'CANDIDATE'
      assert(!runs || atLeastAsUpToDate(lastOf(node.disk), message.last), text)
    }
    if (message.type === 'appendReply' && message.success)
      assert(Math.max(lastIndexOf(node.disk), lastOf(node.disk).index) >= message.matched, text)
  }

  applied(node: Node, entry: Entry): void {
    const durable = entryAt(node.disk, entry.index)
    assert(
      durable !== undefined && same(durable, entry),
      `node ${node.id} applies what is not on its disk (I13)`,
    )
    this.#commits(node, entry)
  }

  /** I4: what a snapshot holds is what everybody applied. */
  installed(node: Node, { id }: Snapshot, state: readonly Entry[]): void {
    this.counts.installs += 1
    assert.equal(state.length, id.index, `snapshot ${id.index} holds ${state.length} entries`)
    for (const entry of state) this.#commits(node, entry)
  }

  started(node: Node, cut: boolean): void {
    if (cut) this.counts.installsCut += 1
    const { uuid, snapshots } = node.disk
    const newest = snapshots.at(-1)?.id.index ?? 0
    assert(newest >= (this.#snapshots.get(uuid) ?? 0), 'the newest snapshot never goes back (I10)')
  }

  asked(_node: Node, token: number): void {
    assert(!this.#asked.has(token), 'a token is used once')
    this.#asked.set(token, this.committed.length)
  }

  /** I20: a read sees everything that anybody knew to be committed when it was asked. */
  answered(node: Node, { token, index }: ReadIndexResult): void {
    if (index === null) this.counts.readsRefused += 1
    else {
      const least = this.#asked.get(token)!
      this.counts.readsAnswered += 1
      assert(index >= least, `node ${node.id} reads at ${index}, when ${least} was committed (I20)`)
    }
  }

  rested(node: Node): void {
    const { role, term, commit } = node.status
    const seen = this.#last.get(node.id)
    const before = seen?.raft === node.raft ? seen : { term: 0, commit: 0, leads: false, configuredAt: 0 }
    const leads = role === 'LEADER'
    assert(term >= before.term && commit >= before.commit, 'term and commit never go back in a run (I10)')
    for (let index = before.commit + 1; index <= commit; index++) {
      const entry = node.entryAt(index)
      // What lies before the log is in its snapshot, and was checked with that.
      if (entry !== undefined) this.#commits(node, entry, before.configuredAt)
    }
    this.#isOrderly(node, before.configuredAt)
    const configuredAt = node.raft.configuration?.index ?? 0
    this.#last.set(node.id, { raft: node.raft, term, commit, leads, configuredAt })
    if (before.leads && !leads && before.term === term && !isVoter(node)) this.counts.abdications += 1
    if (!leads) return
    this.#leadsAlone(node, term)
    this.#commitsWhatItMay(node)
  }

  /** I10, I13, I16 and I17: what a node knows of itself fits together. */
  #isOrderly(node: Node, configuredAt: Index): void {
    const { first, snapshot, applied, commit, durable, last, term } = node.status
    const newest = snapshot?.index ?? 0
    const order = first - 1 <= newest && newest <= applied && applied <= commit && commit <= last.index
    assert(
      order && applied <= durable,
      `node ${node.id} is out of order (I13): ${JSON.stringify(node.status)}`,
    )
    this.#snapshots.set(node.disk.uuid, newest)
    const inForce = node.raft.configuration
    const entry = node.log.findLast(({ type }) => isConfiguration(type))
    if (entry === undefined) assert((inForce?.index ?? 0) <= node.base, 'it is cut and in force (I16)')
    else if (inForce?.index !== entry.index || inForce.index !== configuredAt)
      assert.deepEqual(inForce, configurationOf(entry), 'the last configuration is in force (I16)')
    if (node.pending.length > 0) return
    assert.equal(node.disk.hardState.term, term, 'the term on disk is that in memory (I17)')
    assert(Math.max(lastIndexOf(node.disk), newest) === last.index, 'the log on disk is that in memory (I17)')
  }

  /** I1 and I3. */
  #leadsAlone(node: Node, term: Term): void {
    const leader = this.#leaders.get(term)
    assert(
      leader === undefined || leader === node.id,
      `nodes ${leader} and ${node.id} both lead term ${term} (I1)`,
    )
    if (leader !== undefined) return
    this.#leaders.set(term, node.id)
    this.counts.elections += 1
    if (node.raft.configuration?.outgoing) this.counts.jointElections += 1
    for (const { entry, knownIn } of this.committed) {
      if (knownIn >= term || entry.index <= node.base) continue
      const own = node.entryAt(entry.index)
      assert(
        own !== undefined && same(own, entry),
        `the leader of term ${term} lacks entry ${entry.index} (I3)`,
      )
    }
  }

  /** I18: the commit rule was called everywhere it must be. */
  #commitsWhatItMay(node: Node): void {
    const { voters, commit, term } = node.status
    const configuration = node.raft.configuration!
    const matches = new Map(voters.map(({ id, match }) => [id, match!]))
    const reached = [...matches.values()].filter(held =>
      isQuorum(configuration, id => (matches.get(id) ?? 0) >= held),
    )
    const held = Math.max(...reached)
    if (node.raft.describe(held)?.id.term === term)
      assert(commit >= held, `entry ${held} could be committed (I18)`)
  }

  /** I4 and I5. `configuredAt`: the configuration that was in force before this step. */
  #commits(node: Node, entry: Entry, configuredAt: Index = 0): void {
    const known = this.committed[entry.index - 1]
    if (known !== undefined) {
      assert(same(known.entry, entry), `entry ${entry.index} was committed as something else (I5)`)
      return
    }
    const configuration = this.#committedUnder(node, entry, configuredAt)
    this.committed[entry.index - 1] = { entry, knownIn: node.status.term, configuration }
    this.counts.commits += 1
    if (configurationOf(entry)?.outgoing) this.counts.changes += 1
  }

  /** One of those that were in force during the step: with the entry, more may have been committed and appended. */
  #committedUnder(node: Node, entry: Entry, configuredAt: Index): Configuration {
    const later = node.log.filter(({ index, type }) => index > configuredAt && isConfiguration(type))
    const earlier = configuredAt === 0 ? null : node.raft.describe(configuredAt)?.configuration
    const inForce = [...(earlier ? [earlier] : []), ...later.map(one => configurationOf(one)!)]
    const rests = inForce.findLast(configuration => this.#restsOn(entry, configuration))
    const current = node.raft.configuration!
    if (rests === undefined) this.#onQuorum(entry, current)
    return rests ?? current
  }

  #restsOn(entry: Entry, configuration: Configuration): boolean {
    return isQuorum(configuration, (id, uuid) => {
      const node = this.nodes.get(id)
      return node !== undefined && node.disk.uuid === uuid && holds(node, entry)
    })
  }
}

/** The term before an entry that is about to be written; undefined where a snapshot hides it. */
function termAt(node: Node, index: Index, resetTo: Index | null): Term | undefined {
  if (index === 0) return 0
  if (resetTo === index) return node.raft.describe(index)?.id.term
  return node.entryAt(index)?.term
}

function isConfiguration(type: string): boolean {
  return isInternal(type) && type !== 'NoOpCommand'
}

function isVoter(node: Node): boolean {
  return node.raft.configuration?.voters.some(({ id }) => id === node.id) ?? false
}

export function same(a: Entry, b: Entry): boolean {
  return a.index === b.index && a.term === b.term && a.type === b.type && Buffer.compare(a.data, b.data) === 0
}
