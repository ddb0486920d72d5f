import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CHANGE_MEMBERS } from '../../../src/raft/entry.ts'
import type { SnapshotPart } from '../../../src/raft/io.ts'
import { sameSnapshot } from '../../../src/raft/snapshot.ts'
import { configurationOf, encodeConfiguration } from '../../../src/raft/voters.ts'
import type { StoredSnapshot } from './disk.ts'
import {
  acknowledgement,
  append,
  grants,
  heartbeat,
  leaderOf,
  part,
  sentTo,
  termsOf,
  voteRequest,
} from './messages.ts'
import { entry, logOf, type Node, TIMING, voter } from './node.ts'
import { commits, sending, snapshot } from './snapshots.ts'

/** Snapshots: section 7 of the paper, and what went wrong elsewhere. */

const { electionTimeoutMs } = TIMING

describe('what a snapshot lets go of', () => {
  test('two are kept, and the log from the older one on', () => {
    const node = leaderOf(3)
    node.takeSnapshot()
    assert.deepEqual([node.disk.base, node.status.first], [0, 1], 'one alone lets nothing go')
    commits(node, 'a')
    node.takeSnapshot()
    assert.deepEqual([node.disk.base, node.status.first], [2, 3])
    commits(node, 'b')
    node.takeSnapshot()
    assert.deepEqual([node.disk.base, node.disk.snapshots.map(({ id }) => id.index)], [3, [3, 4]])
  })

  test('a follower that is being sent one keeps it, and the log behind it, in place', () => {
    const node = sending()
    const { index } = node.raft.snapshots.at(-1)!
    for (const text of ['b', 'c', 'd']) {
      commits(node, text)
      node.takeSnapshot()
    }
    assert.equal(node.disk.base, index)
    assert(node.disk.snapshots.some(({ id }) => id.index === index))
    node.receive(3, acknowledgement(node, index))
    commits(node, 'e')
    node.takeSnapshot()
    assert(node.disk.base > index)
  })

  test('one that is older than what is there already changes nothing', () => {
    const node = leaderOf(3)
    const old = node.capture()!
    commits(node, 'a')
    node.takeSnapshot()
    node.step({ type: 'snapshotTaken', snapshot: old })
    assert.deepEqual(
      node.raft.snapshots.map(({ index }) => index),
      [3],
    )
  })

  test('a restart goes on from the newest, with its members, and applies the rest once (T37)', () => {
    const node = leaderOf(3)
    node.takeSnapshot()
    commits(node, 'a')
    node.takeSnapshot()
    commits(node, 'b')
    const before = node.state.slice(0, 3)
    node.crash()
    node.start()
    assert.deepEqual([node.state, node.status.applied, node.status.commit], [before, 3, 3])
    assert.equal(node.raft.configuration?.index, 1)
    node.receive(2, heartbeat(9, { commit: 4 }))
    assert.deepEqual(
      node.state.map(({ index }) => index),
      [1, 2, 3, 4],
    )
  })
})

/** A snapshot of entry 4 of term 2 meets logs that have that entry or another one, and end before, with or behind it. */
describe('the follower’s half (T18)', () => {
  const cases: [what: string, terms: number[], commit: number, after: number[], base: number][] = [
    ['shorter, and the same so far', [1, 2, 2], 1, [], 4],
    ['shorter, and different', [1, 1, 1], 1, [], 4],
    ['of the same length, and the same', [1, 2, 2, 2], 1, [1, 2, 2, 2], 0],
    ['of the same length, and different', [1, 1, 1, 1], 1, [], 4],
    ['longer, and the same', [1, 2, 2, 2, 2, 2], 1, [1, 2, 2, 2, 2, 2], 0],
    ['longer, and different', [1, 1, 1, 1, 1, 1], 1, [], 4],
    ['the same, and committed up to there', [1, 2, 2, 2], 4, [1, 2, 2, 2], 0],
    ['longer, the same, and committed further', [1, 2, 2, 2, 2], 5, [1, 2, 2, 2, 2], 0],
  ]
  for (const [what, terms, commit, after, base] of cases) {
    test(`a log that is ${what} ${base > 0 ? 'begins anew behind it' : 'stays as it is'}`, () => {
      const node = voter(3, 3, terms, { hardState: { term: 2, commit } })
      receives(node, snapshot())
      node.persist()
      assert.deepEqual([termsOf(node), node.base], [after, base])
      assert.deepEqual([node.disk.entries, node.disk.base], [node.log, node.base])
      assert.equal(node.status.commit, Math.max(4, commit))
      assert.deepEqual(node.state.slice(0, 4), logOf(3, [1, 2, 2, 2]))
      assert.deepEqual(sentTo(node, 1, 'appendReply'), [
        { to: 1, type: 'appendReply', term: 2, session: 2, success: true, matched: 4 },
      ])
      node.receive(1, append(2, [4, 2], [entry(5, 2)], 5))
      node.persist()
      assert.equal(node.status.commit, 5)
    })
  }

  test('its members are those of the snapshot, whatever the log said that it replaces (I16)', () => {
    const node = voter(3, 3, [1], { hardState: { term: 2 } })
    const founded = configurationOf(node.log[0]!)!
    const joint = { ...founded, voters: founded.voters.slice(0, 2), outgoing: founded.voters }
    const change = { index: 2, term: 1, type: CHANGE_MEMBERS, data: encodeConfiguration(joint) }
    node.receive(1, append(2, [1, 1], [change]))
    assert.equal(node.raft.configuration?.outgoing?.length, 3)
    receives(node, snapshot())
    assert.deepEqual(node.raft.configuration, founded)
  })

  test('what was about to be written when the log began anew is not written, nor cut', () => {
    const node = voter(3, 3, [1, 1, 1], { hardState: { term: 2 } })
    const [one] = stages(node, snapshot())
    node.feed({ type: 'message', envelope: node.envelope(1, append(2, [1, 1], [entry(2, 1), entry(3, 2)])) })
    node.feed({ type: 'snapshotReceived', part: one!, snapshot: snapshot() })
    node.drain()
    const [only, ...more] = node.pending
    assert.deepEqual([only?.resetTo, only?.truncateFrom, only?.entries, more], [4, null, [], []])
  })

  test('nothing is said in the name of a term that is over', () => {
    const node = voter(3, 3, [1], { hardState: { term: 2 } })
    const [one] = stages(node, snapshot())
    node.receive(2, heartbeat(3))
    node.persist()
    node.taken()
    node.takeOver(one!)
    node.persist()
    assert.deepEqual(sentTo(node, 1, 'appendReply'), [])
  })

  test('its members are those of the snapshot, and the term of its last entry stays known', () => {
    const node = voter(3, 3, [1, 1], { hardState: { term: 2 } })
    receives(node, snapshot())
    node.persist()
    assert.deepEqual([node.raft.configuration?.index, node.status.last], [1, { index: 4, term: 2 }])
    node.now += electionTimeoutMs
    assert.equal(grants(node, 1, voteRequest(3, { index: 3, term: 2 })), false)
    assert.equal(grants(node, 1, voteRequest(3, { index: 4, term: 2 })), true)
  })

  test('a match is not acknowledged before the log on disk begins behind the snapshot', () => {
    const node = voter(3, 3, [1, 1], { hardState: { term: 2 } })
    receives(node, snapshot())
    assert.deepEqual(sentTo(node, 1, 'appendReply'), [])
    node.persist()
    assert.equal(sentTo(node, 1, 'appendReply').length, 1)
  })

  test('who campaigns and gets a snapshot campaigns no more: its log is another one', () => {
    const node = voter(3, 3, [1], { hardState: { term: 2 } })
    const [stored] = stages(node, snapshot())
    node.now += 10 * electionTimeoutMs
    node.step({ type: 'tick' })
    assert.equal(node.status.role, 'CANDIDATE')
    node.takeOver(stored!)
    assert.deepEqual([node.status.role, node.status.commit], ['FOLLOWER', 4])
  })

  test('who leads by now keeps its own log', () => {
    const node = voter(3, 3, [1, 2, 2, 2], { hardState: { term: 2 } })
    const [stored] = stages(node, snapshot())
    node.lead(1)
    node.takeOver(stored!)
    assert.deepEqual([node.status.role, node.status.commit, node.log.length], ['LEADER', 0, 5])
  })

  test('of two that overlap the newer one stays, in whatever order they are complete (T20)', () => {
    for (const newerFirst of [true, false]) {
      const node = voter(3, 3, [1], { hardState: { term: 2 } })
      const [old, newer] = [snapshot(4), snapshot(6)]
      const [late] = stages(node, old, false)
      if (!newerFirst) receives(node, old)
      receives(node, newer)
      if (newerFirst) node.step({ type: 'snapshotReceived', part: late!, snapshot: old })
      node.persist()
      assert.deepEqual([node.status.commit, node.state.length, node.disk.base], [6, 6, 6])
    }
  })

  test('parts of an older leader’s file do not continue the file of another', () => {
    const node = voter(3, 3, [1], { hardState: { term: 2 } })
    const [one, other] = [snapshot(4, 1), snapshot(4, 2)]
    assert(!sameSnapshot(one.id, other.id))
    node.receive(1, part(2, one.id, 0, one.data.slice(0, 100)))
    node.storePart(node.snapshotParts.shift()!)
    node.receive(1, part(2, other.id, 100, other.data.slice(100)))
    assert.equal(node.storePart(node.snapshotParts.shift()!), false)
    const offsets = sentTo(node, 1, 'snapshotReply').map(({ offset }) => offset)
    assert.deepEqual(offsets, [100, 0])
  })

  test('an append that begins before the snapshot counts from there on, and is no conflict (T22)', () => {
    const node = voter(3, 3, [1], { hardState: { term: 2 } })
    receives(node, snapshot())
    node.persist()
    node.taken()
    const entries = logOf(3, [1, 2, 2, 2, 2]).slice(1)
    node.receive(1, append(2, [1, 1], entries.slice(0, 1)))
    node.receive(1, append(2, [1, 1], entries))
    node.persist()
    const matched = sentTo(node, 1, 'appendReply').map(reply => 'matched' in reply && reply.matched)
    assert.deepEqual([matched, node.status.last.index, node.refusals], [[4, 5], 5, []])
  })
})

/** An install is cut short after each of its steps; what is on disk then is enough to finish it. */
describe('a crash in the middle of an install (T19)', () => {
  for (const terms of [[1], [1, 1, 1, 1, 1, 1], [1, 2, 2, 2, 2]]) {
    const steps = ['received', 'durable', 'told', 'written'] as const
    for (const last of steps) {
      test(`a log of terms ${terms}, the snapshot ${last}`, () => {
        const node = voter(3, 3, terms, { hardState: { term: 2 } })
        const whole = snapshot()
        if (last === 'received') stages(node, whole, false)
        else {
          const [stored] = stages(node, whole)
          if (last !== 'durable') node.takeOver(stored!)
          if (last === 'written') node.persist()
        }
        node.crash()
        node.start()
        const there = last !== 'received'
        assert.equal(node.status.commit, there ? 4 : 0)
        assert.deepEqual(node.state.length, there ? 4 : 0)
        if (there) node.receive(1, append(2, [4, 2], [entry(5, 2)], 5))
        else receives(node, whole)
        node.persist()
        assert.equal(node.status.commit, there ? 5 : 4)
      })
    }
  }
})

/** The snapshot arrives whole, in one part; it is durable if wanted. */
function stages(node: Node, { id, data }: StoredSnapshot, durable = true): SnapshotPart[] {
  node.receive(1, part(2, id, 0, data))
  const parts = node.snapshotParts.splice(0)
  for (const one of parts) if (node.storePart(one) && durable) node.accept(one)
  return parts
}

function receives(node: Node, whole: StoredSnapshot): void {
  for (const one of stages(node, whole)) node.takeOver(one)
}

test('a snapshot of a later term than its leader’s is not kept, and ends nobody', () => {
  const node = voter(3, 3, [1])
  const sent = snapshot(4)
  node.receive(1, part(1, sent.id, 0, sent.data))
  assert.deepEqual(
    node.refusals.map(({ reason }) => reason),
    ['contradiction'],
  )
  assert.deepEqual(node.snapshotParts, [])
})
