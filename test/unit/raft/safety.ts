import assert from 'node:assert/strict'
import {
  atLeastAsUpToDate,
  BEFORE_FIRST,
  type Entry,
  type NodeId,
  type Term,
} from '../../../src/raft/entry.ts'
import type { Persist } from '../../../src/raft/io.ts'
import type { Envelope } from '../../../src/raft/message.ts'
import type { Node, Observer } from './node.ts'

type Committed = {
  readonly entry: Entry
  /** The term of whoever knew it first. */
  readonly knownIn: Term
}

/**
 * What may never happen, whatever the network and the disks do: figure 3 of the paper and the invariants I1 to I18 of
 * the reference, checked after every step against the simulated disks and with the history of the whole run.
 */
export class Safety implements Observer {
  readonly nodes: ReadonlyMap<NodeId, Node>
  readonly counts = { elections: 0, truncations: 0, truncationsInFlight: 0, commits: 0 }
  readonly committed: Committed[] = []
  readonly #leaders = new Map<Term, NodeId>()
  /** Every entry that was ever in a log, by index and term, with the term of its predecessor there. */
  readonly #entries = new Map<string, { entry: Entry; previous: Term }>()
  readonly #last = new Map<NodeId, { raft: object; term: Term; commit: number; leads: boolean }>()

  constructor(nodes: ReadonlyMap<NodeId, Node>) {
    this.nodes = nodes
  }

  issued(node: Node, { truncateFrom, entries }: Persist): void {
    if (truncateFrom !== null) {
      this.counts.truncations += 1
      if (node.pending.length > 0) this.counts.truncationsInFlight += 1
      this.#keepsCommitted(node, node.log, truncateFrom)
      const before = this.#last.get(node.id)
      const { role, term } = node.status
      const reigns = before?.raft === node.raft && before.leads && role === 'LEADER' && before.term === term
      assert(!reigns, 'a leader only appends (I12)')
    }
    for (const [i, entry] of entries.entries()) {
      const previous = i > 0 ? entries[i - 1] : node.log[entry.index - 2]
      this.#matchesAll(entry, previous?.term ?? 0)
    }
  }

  /** I2: if two logs hold an entry of the same index and term, they are equal up to it; by induction, from neighbour to neighbour. */
  #matchesAll(entry: Entry, previous: Term): void {
    assert(entry.term >= previous, 'terms in a log never decrease (I15)')
    const key = `${entry.index} of ${entry.term}`
    const known = this.#entries.get(key)
    if (known === undefined) {
      this.#entries.set(key, { entry, previous })
      return
    }
    assert(same(known.entry, entry), `two entries ${key} differ (I2)`)
    assert.equal(previous, known.previous, `the entries before ${key} differ (I2)`)
  }

  /** I5: a straggler may cut what others have committed meanwhile, but never one of the majority that it rests on. */
  #keepsCommitted(node: Node, log: readonly Entry[], from: number): void {
    for (let index = from; index <= log.length; index++) {
      const known = this.committed[index - 1]
      if (known?.entry.term === log[index - 1]!.term) this.#onMajority(known.entry, node)
    }
  }

  /** I6: durable on more than half of the disks, and not about to be cut there. */
  #onMajority({ index, term }: Entry, except?: Node): void {
    const holders = [...this.nodes.values()].filter(({ disk, pending }) => {
      const cut = pending.some(({ truncateFrom }) => truncateFrom !== null && truncateFrom <= index)
      return disk.entries[index - 1]?.term === term && !cut
    })
    const ids = holders.filter(node => node !== except).map(({ id }) => id)
    assert(
      ids.length > this.nodes.size / 2,
      `entry ${index} is committed, but on the disks of ${ids} only (I6)`,
    )
  }

  written(node: Node, { hardState, truncateFrom }: Persist): void {
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
    if (truncateFrom !== null) this.#keepsCommitted(node, node.disk.entries, truncateFrom)
  }

  /** Figure 2, "updated on stable storage before responding": whatever a message says must be on disk by now. */
  sent(node: Node, { to, message }: Envelope): void {
    const { hardState, entries } = node.disk
    if (message.type === 'foundingProbe' || message.type === 'foundingAnswer') return
    if ('preVote' in message && message.preVote) return
    const text = `node ${node.id} says ${JSON.stringify({ ...message, entries: undefined })} to ${to}, but its disk does not`
    assert(hardState.term >= message.term, text)
    // What it said of an older term it may have said before it cut its log; nothing rests on that any more.
    if (hardState.term > message.term) return
    if (message.type === 'voteReply' && message.granted) assert.equal(hardState.votedFor, to, text)
    if (message.type === 'voteRequest') {
      assert.equal(hardState.votedFor, node.id, text)
      // Who meanwhile follows the winner of this very term may have cut its log; its request wins nothing any more.
      const runs = node.status.role === 'CANDIDATE'
      assert(!runs || atLeastAsUpToDate(entries.at(-1) ?? BEFORE_FIRST, message.last), text)
    }
    if (message.type === 'appendReply' && message.success) assert(entries.length >= message.matched, text)
  }

  applied(node: Node, entry: Entry): void {
    const durable = node.disk.entries[entry.index - 1]
    assert(
      durable !== undefined && same(durable, entry),
      `node ${node.id} applies what is not on its disk (I13)`,
    )
    this.#commits(node, entry)
  }

  rested(node: Node): void {
    const { role, term, commit } = node.status
    const seen = this.#last.get(node.id)
    const before = seen?.raft === node.raft ? seen : { term: 0, commit: 0, leads: false }
    const leads = role === 'LEADER'
    this.#last.set(node.id, { raft: node.raft, term, commit, leads })
    assert(term >= before.term && commit >= before.commit, 'term and commit never go back in a run (I10)')
    for (let index = before.commit + 1; index <= commit; index++) this.#commits(node, node.log[index - 1]!)
    if (!leads) return
    this.#leadsAlone(node, term)
    this.#commitsWhatItMay(node)
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
    for (const { entry, knownIn } of this.committed) {
      if (knownIn >= term) continue
      const own = node.log[entry.index - 1]
      assert(
        own !== undefined && same(own, entry),
        `the leader of term ${term} lacks entry ${entry.index} (I3)`,
      )
    }
  }

  /** I18: the commit rule was called everywhere it must be. */
  #commitsWhatItMay(node: Node): void {
    const { voters, commit, term } = node.status
    const matches = voters.map(voter => voter.match!).sort((a, b) => b - a)
    const held = matches[Math.floor(voters.length / 2)]!
    if (node.log[held - 1]?.term === term) assert(commit >= held, `entry ${held} could be committed (I18)`)
  }

  /** I4 and I5. */
  #commits(node: Node, entry: Entry): void {
    const known = this.committed[entry.index - 1]
    if (known !== undefined) {
      assert(same(known.entry, entry), `entry ${entry.index} was committed as something else (I5)`)
      return
    }
    this.#onMajority(entry)
    this.committed[entry.index - 1] = { entry, knownIn: node.status.term }
    this.counts.commits += 1
  }
}

export function same(a: Entry, b: Entry): boolean {
  return a.index === b.index && a.term === b.term && a.type === b.type && Buffer.compare(a.data, b.data) === 0
}
