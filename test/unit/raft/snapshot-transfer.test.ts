import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { acknowledgement, heartbeat, heartbeatReply, leaderOf, rejection, sentTo } from './messages.ts'
import { type Node, TIMING } from './node.ts'
import { commits, sending } from './snapshots.ts'

/** How a leader brings its snapshot to a follower. */

const { electionTimeoutMs, heartbeatIntervalMs } = TIMING

describe('the leader’s half', () => {
  test('a follower whose entries are gone gets a snapshot part by part, and appends behind it', () => {
    const node = sending({ snapshotPartBytes: 200 })
    const { id } = node.disk.snapshots.at(-1)!
    const offsets: number[] = []
    for (let offset = 0; offset < id.bytes; offset += 200) {
      serve(node)
      const [message, ...more] = sentTo(node, 3, 'installSnapshot')
      assert.equal(more.length, 0, 'one at a time')
      offsets.push(message!.offset)
      node.receive(3, {
        type: 'snapshotReply',
        term: 2,
        session: 2,
        snapshot: id,
        offset: offset + message!.data.length,
      })
    }
    assert.deepEqual(
      offsets,
      offsets.map((_, i) => 200 * i),
    )
    node.propose('behind')
    assert.deepEqual(sentTo(node, 3, 'append'), [], 'nothing else goes out meanwhile')
    node.receive(3, acknowledgement(node, id.index))
    assert.deepEqual(
      sentTo(node, 3, 'append').map(({ prev }) => prev.index),
      [id.index],
    )
  })

  test('a part that nobody answers goes out again after a while, and at once over a new connection', () => {
    const node = sending()
    serve(node)
    assert.equal(sentTo(node, 3, 'installSnapshot').length, 1)
    passes(node, electionTimeoutMs - 20)
    assert.deepEqual(node.snapshotReads, [])
    passes(node, 20)
    serve(node)
    assert.equal(sentTo(node, 3, 'installSnapshot').length, 1)
    node.step({ type: 'sendFailed', peer: 3 })
    assert.equal(node.snapshotReads.length, 1)
  })

  test('a follower that has a part of the file already names where to go on', () => {
    const node = sending({ snapshotPartBytes: 100 })
    const { id } = node.disk.snapshots.at(-1)!
    node.receive(3, { type: 'snapshotReply', term: 2, session: 2, snapshot: id, offset: 170 })
    serve(node)
    assert.deepEqual(sentTo(node, 3, 'installSnapshot'), [], 'the part that was wanted before')
    serve(node)
    assert.deepEqual(
      sentTo(node, 3, 'installSnapshot').map(({ offset }) => offset),
      [170],
    )
  })

  test('what a follower threw away is suspect: the driver looks at the file before it goes out again', () => {
    const node = sending({ snapshotPartBytes: 100 })
    const { id } = node.disk.snapshots.at(-1)!
    const reply = { type: 'snapshotReply', term: 2, session: 2, snapshot: id } as const
    const wanted = () => node.snapshotReads.map(({ offset, suspect }) => [offset, suspect])
    assert.deepEqual(wanted(), [[0, false]])
    serve(node)
    node.receive(3, { ...reply, offset: 100 })
    assert.deepEqual(wanted(), [[100, false]])
    serve(node)
    node.receive(3, { ...reply, offset: 0 })
    passes(node, electionTimeoutMs + heartbeatIntervalMs, 3)
    assert.deepEqual(wanted(), [[0, true]])
    serve(node)
    passes(node, electionTimeoutMs + heartbeatIntervalMs, 3)
    assert.deepEqual(wanted(), [[0, false]], 'it was looked at')
    serve(node)
    node.receive(3, { ...reply, offset: 100 })
    node.receive(3, { ...reply, offset: 50 })
    assert.ok(
      wanted().every(([, suspect]) => !suspect),
      'a follower that lost some of it asks for no look',
    )
  })

  test('a new file of the same state takes the place of the one that is to be sent', () => {
    const node = sending()
    const [request] = node.snapshotReads.splice(0)
    const { id, configuration } = node.disk.snapshots.at(-1)!
    const other = { ...id, checksum: id.checksum + 1 }
    const [before] = node.raft.snapshots
    node.step({ type: 'snapshotTaken', snapshot: { id: other, configuration } })
    assert.deepEqual(node.raft.snapshots, [before, other])
    node.step({ type: 'snapshotRead', request: request!, data: null })
    node.receive(3, rejection(node, 1, { index: 0, term: 0 }))
    node.step({ type: 'tick' })
    assert.deepEqual(
      node.snapshotReads.map(({ snapshot }) => snapshot),
      [other],
    )
  })

  test('answers about another file, or of another session, move nothing', () => {
    const node = sending({ snapshotPartBytes: 100 })
    const { id } = node.disk.snapshots.at(-1)!
    serve(node)
    node.taken()
    const reply = { type: 'snapshotReply', term: 2, session: 2, offset: 100 } as const
    node.receive(3, { ...reply, snapshot: { ...id, checksum: 7 } })
    node.receive(3, { ...reply, snapshot: id, session: 1 })
    assert.deepEqual(node.snapshotReads, [])
    node.receive(3, { ...reply, snapshot: id })
    assert.equal(node.snapshotReads.length, 1)
  })

  test('a snapshot that is gone is replaced by the newest', () => {
    const node = sending()
    const [request] = node.snapshotReads.splice(0)
    commits(node, 'b')
    node.takeSnapshot()
    node.step({ type: 'snapshotRead', request: request!, data: null })
    node.step({ type: 'tick' })
    assert.deepEqual([request?.snapshot.index, node.snapshotReads[0]?.snapshot.index], [3, 4])
  })

  test('an old answer ends no transfer: only one that reaches the snapshot does (T20)', () => {
    const node = sending()
    const { id } = node.disk.snapshots.at(-1)!
    for (const old of [acknowledgement(node, 1), rejection(node, 5, { index: 1, term: 1 })]) {
      node.receive(3, old)
      assert.deepEqual([node.raft.status(0).voters[2]!.next, node.snapshotReads.length], [id.index + 1, 1])
    }
    node.propose('x')
    assert.deepEqual(sentTo(node, 3, 'append'), [])
  })

  test('a part that was read for a leadership that is over is not sent (T20)', () => {
    const node = sending()
    const [request] = node.snapshotReads.splice(0)
    node.receive(2, heartbeat(3))
    node.persist()
    node.lead(2)
    node.taken()
    node.step({ type: 'snapshotRead', request: request!, data: node.readPart(request!) })
    assert.deepEqual(sentTo(node, 3, 'installSnapshot'), [])
  })

  test('a follower whose window was lost, and whose entries were dropped since, is revived by its heartbeats (T21)', () => {
    const node = leaderOf(3, { inflightCountMax: 2 })
    node.receive(3, acknowledgement(node, 2))
    for (const text of ['a', 'b', 'c', 'd']) {
      commits(node, text)
      node.takeSnapshot()
    }
    node.taken()
    passes(node, electionTimeoutMs + 2 * heartbeatIntervalMs, 3)
    serve(node)
    assert.equal(sentTo(node, 3, 'installSnapshot').length, 1)
  })

  test('an idle leader whose log is dropped to its end still proves a follower equal (T22)', () => {
    const node = leaderOf(3)
    node.takeSnapshot()
    commits(node, 'a')
    node.takeSnapshot()
    node.taken()
    node.step({ type: 'sendFailed', peer: 2 })
    const [probe] = sentTo(node, 2, 'append')
    assert.deepEqual([probe?.prev, probe?.entries], [{ index: 3, term: 2 }, []])
  })
})

function serve(node: Node): void {
  for (const request of node.snapshotReads.splice(0))
    node.step({ type: 'snapshotRead', request, data: node.readPart(request) })
}

/** Time passes while node 2, and those named, answer. */
function passes(node: Node, ms: number, ...others: number[]): void {
  for (let passed = 0; passed < ms; passed += heartbeatIntervalMs) {
    node.elapse(heartbeatIntervalMs)
    for (const id of [2, ...others]) node.receive(id, heartbeatReply(node))
  }
}
