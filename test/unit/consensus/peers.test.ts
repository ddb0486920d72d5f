import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeEnvelope } from '../../../src/consensus/message-codec.ts'
import { type AcceptedStream, Peers } from '../../../src/consensus/peers.ts'
import type { Connection, ConnectionEvents, Network, Target } from '../../../src/io/network.ts'
import type { Envelope, Message } from '../../../src/raft/message.ts'
import { FakeClock } from './fake-clock.ts'

const TARGETS: Target[] = [2, 3].map(nodeId => ({ nodeId, host: 'h', port: 9000 + nodeId }))
const HEARTBEAT: Message = { type: 'heartbeat', term: 1, session: 1, commit: 0, round: 1, successors: [] }
const PART: Message = {
  type: 'installSnapshot',
  term: 1,
  session: 1,
  snapshot: { index: 5, term: 1, bytes: 9, checksum: 7 },
  offset: 0,
  data: Buffer.from('x'),
}

type Dialled = { target: Target; events: ConnectionEvents; sent: Buffer[]; closed: boolean; full: boolean }

/** A network in which a test opens and breaks what is dialled. */
class Bench implements Network {
  readonly clock = new FakeClock()
  readonly dialled: Dialled[] = []
  readonly events: string[] = []
  readonly peers: Peers

  constructor(targets = TARGETS) {
    this.peers = new Peers(this, this.clock, targets, {
      frame: (from, bytes) => void this.events.push(`frame of ${from}: ${bytes}`),
      connected: nodeId => void this.events.push(`connected ${nodeId}`),
      disconnected: (nodeId, reason) => void this.events.push(`disconnected ${nodeId}: ${reason}`),
      lost: nodeId => void this.events.push(`lost ${nodeId}`),
    })
  }

  connect(target: Target, events: ConnectionEvents): Connection {
    const dialled: Dialled = { target, events, sent: [], closed: false, full: false }
    this.dialled.push(dialled)
    return {
      send: frame => !dialled.full && dialled.sent.push(frame) > 0,
      close: () => {
        dialled.closed = true
        events.closed('closed here', false)
      },
    }
  }

  /** The newest connection to a node. */
  to(nodeId: number): Dialled {
    return this.dialled.findLast(({ target }) => target.nodeId === nodeId)!
  }

  count(nodeId: number): number {
    return this.dialled.filter(({ target }) => target.nodeId === nodeId).length
  }

  open(nodeId: number, protocol = 9): Dialled {
    const dialled = this.to(nodeId)
    dialled.events.opened(protocol)
    return dialled
  }

  readonly accepted: { nodeId: number; stream: AcceptedStream; sent: Buffer[] }[] = []

  /** The other node dials this one. */
  streamOpened(nodeId: number, protocol = 2): { sent: Buffer[] } {
    const sent: Buffer[] = []
    const stream = { protocol, connection: { send: (frame: Buffer) => sent.push(frame) > 0, close() {} } }
    this.accepted.push({ nodeId, stream, sent })
    this.peers.streamOpened(nodeId, stream)
    return { sent }
  }

  /** The newest of its streams closes; one that never was, if there is none. */
  streamClosed(nodeId: number): void {
    const at = this.accepted.findLastIndex(accepted => accepted.nodeId === nodeId)
    const [closed] = at < 0 ? [] : this.accepted.splice(at, 1)
    this.peers.streamClosed(
      nodeId,
      closed?.stream ?? { protocol: 2, connection: { send: () => false, close() {} } },
    )
  }

  told(): string[] {
    return this.events.splice(0)
  }
}

function envelope(to: number, message: Message): Envelope {
  return { from: 1, to, clusterId: 'c', recoveryEpoch: 0, fromUuid: 'a', toUuid: null, message }
}

test('every other node is dialled, and what is sent goes to the one it is for', () => {
  const bench = new Bench()
  assert.deepEqual(
    bench.dialled.map(({ target }) => target.nodeId),
    [2, 3],
  )
  assert.equal(bench.peers.send(envelope(2, HEARTBEAT)), false, 'not open yet')
  const two = bench.open(2)
  assert.deepEqual(
    [bench.peers.isConnected(2), bench.peers.isConnected(3), bench.peers.isConnected(9)],
    [true, false, false],
  )
  assert.equal(bench.peers.send(envelope(2, HEARTBEAT)), true)
  assert.equal(bench.peers.send(envelope(3, HEARTBEAT)), false)
  assert.equal(bench.peers.send(envelope(9, HEARTBEAT)), false, 'nobody knows node 9')
  assert.deepEqual([two.sent.length, bench.to(3).sent.length], [1, 0])
  two.full = true
  assert.equal(bench.peers.send(envelope(2, HEARTBEAT)), false)
  two.events.frame(Buffer.from('answer'))
  assert.deepEqual(bench.told(), ['connected 2', 'frame of 2: answer'])
})

test('a stream that breaks is told, and dialled again at once; then less and less often', async () => {
  const bench = new Bench()
  bench.open(2)
  bench.to(2).events.closed('reset', false)
  assert.deepEqual(bench.told(), ['connected 2', 'disconnected 2: reset'])
  assert.equal(bench.peers.send(envelope(2, HEARTBEAT)), false)
  assert.equal(bench.count(2), 1)
  await bench.clock.pass(0)
  assert.equal(bench.count(2), 2)
  const waits: number[] = []
  for (let i = 0; i < 8; i++) {
    bench.to(2).events.closed('timeout', false)
    const before = bench.count(2)
    let waited = 0
    while (bench.count(2) === before) {
      await bench.clock.pass(1)
      waited += 1
    }
    waits.push(waited)
  }
  assert.deepEqual(waits, [20, 40, 80, 160, 320, 500, 500, 500])
  bench.open(2)
  bench.to(2).events.closed('reset', false)
  await bench.clock.pass(0)
  bench.to(2).events.closed('timeout', false)
  await bench.clock.pass(19)
  const count = bench.count(2)
  await bench.clock.pass(1)
  assert.equal(bench.count(2), count + 1, 'after a success, from the beginning')
  assert.deepEqual(bench.told(), ['connected 2', 'disconnected 2: reset'])
})

test('a node is lost when its streams are closed both ways and dialling is refused', async () => {
  const bench = new Bench()
  bench.open(2)
  bench.streamOpened(2)
  bench.told()
  bench.to(2).events.closed('end', false)
  assert.deepEqual(bench.told(), ['disconnected 2: end'], 'a closed connection alone proves nothing')
  await bench.clock.pass(0)
  bench.to(2).events.closed('refused', true)
  assert.deepEqual(bench.told(), [], 'it still has a stream to this one')
  bench.streamClosed(2)
  assert.deepEqual(bench.told(), [], 'nor does the end of that')
  assert.equal(bench.count(2), 3, 'it is looked for at once')
  bench.to(2).events.closed('refused', true)
  assert.deepEqual(bench.told(), ['lost 2'])
})

test('the other way round: first its streams close, then ours, and then nobody answers', async () => {
  const bench = new Bench()
  bench.open(2)
  bench.streamOpened(2)
  bench.told()
  bench.streamClosed(2)
  assert.deepEqual([bench.told(), bench.count(2)], [[], 1], 'ours is open')
  bench.to(2).events.closed('end', false)
  await bench.clock.pass(0)
  bench.to(2).events.closed('refused', true)
  assert.deepEqual(bench.told(), ['disconnected 2: end', 'lost 2'])
})

test('a node that does not answer, or is unreachable, is not lost', async () => {
  const bench = new Bench()
  bench.open(2)
  bench.told()
  for (let i = 0; i < 5; i++) {
    bench.to(2).events.closed('timeout', false)
    await bench.clock.pass(500)
  }
  assert.deepEqual(bench.told(), ['disconnected 2: timeout'])
})

test('of several streams of a node, all must be closed', async () => {
  const bench = new Bench()
  for (let i = 0; i < 2; i++) bench.streamOpened(2)
  bench.to(2).events.closed('refused', true)
  bench.streamClosed(2)
  assert.equal(bench.count(2), 1)
  await bench.clock.pass(20)
  bench.to(2).events.closed('refused', true)
  assert.deepEqual(bench.told(), [])
  bench.streamClosed(2)
  bench.to(2).events.closed('refused', true)
  assert.deepEqual(bench.told(), ['lost 2'])
  bench.streamOpened(2)
  await bench.clock.pass(500)
  bench.to(2).events.closed('refused', true)
  assert.deepEqual(bench.told(), [], 'a process that comes back is not lost')
})

test('a node that dials is there, and is dialled at once', async () => {
  const bench = new Bench()
  bench.to(2).events.closed('refused', true)
  await bench.clock.pass(0)
  assert.equal(bench.count(2), 1, 'it is tried again later')
  bench.streamOpened(2)
  assert.equal(bench.count(2), 2)
  bench.streamOpened(2)
  assert.equal(bench.count(2), 2, 'it is being dialled')
})

test('a refusal that was under way when the last stream closed counts', () => {
  const bench = new Bench()
  bench.streamOpened(2)
  bench.streamClosed(2)
  assert.equal(bench.count(2), 1, 'it is being dialled')
  bench.to(2).events.closed('refused', true)
  assert.deepEqual(bench.told(), ['lost 2'])
  bench.streamClosed(9)
})

test('snapshots go on a stream of their own, which tells nothing of the node', async () => {
  const bench = new Bench()
  const main = bench.open(2)
  bench.told()
  assert.equal(bench.peers.send(envelope(2, PART)), false, 'it is dialled when the first one goes out')
  assert.equal(bench.count(2), 2)
  const bulk = bench.open(2)
  assert.equal(bench.peers.send(envelope(2, PART)), true)
  assert.equal(bench.peers.send(envelope(2, HEARTBEAT)), true)
  assert.deepEqual([bulk.sent.length, main.sent.length, bench.count(2)], [1, 1, 2])
  bulk.events.frame(Buffer.from('reply'))
  bulk.events.closed('reset', false)
  assert.deepEqual(bench.told(), ['frame of 2: reply'])
  assert.equal(bench.peers.isConnected(2), true)
  assert.equal(bench.peers.send(envelope(2, PART)), false)
  await bench.clock.pass(0)
  bench.to(2).events.closed('refused', true)
  assert.deepEqual(bench.told(), [], 'it is the other stream that counts')
})

test('the stream for snapshots is dialled anew when another release runs at the other end', async () => {
  const bench = new Bench()
  bench.open(2, 1)
  assert.equal(bench.peers.send(envelope(2, PART)), false)
  const before = bench.open(2, 1)
  assert.equal(bench.peers.send(envelope(2, PART)), false, 'the old protocol has no words for it')
  assert.equal(bench.count(2), 2)
  // The node comes back, upgraded. Nothing was under way on the stream for snapshots, and so nothing closes it.
  bench.dialled.find(({ target }) => target.nodeId === 2)!.events.closed('reset', false)
  await bench.clock.pass(0)
  bench.open(2, 2)
  assert.equal(bench.peers.send(envelope(2, PART)), false, 'it is dialled again')
  assert.deepEqual([before.closed, bench.count(2)], [true, 4])
  bench.open(2, 2)
  assert.equal(bench.peers.send(envelope(2, PART)), true)
  assert.equal(bench.count(2), 4)
})

test('a snapshot for a node that nobody knows is dropped', () => {
  const bench = new Bench()
  assert.equal(bench.peers.send(envelope(9, PART)), false)
  assert.equal(bench.dialled.length, 2)
})

test('the oldest protocol is that of the nodes connected now', () => {
  const bench = new Bench()
  assert.equal(bench.peers.oldestProtocol(), null)
  bench.open(2, 4)
  assert.equal(bench.peers.oldestProtocol(), 4)
  bench.open(3, 3)
  assert.equal(bench.peers.oldestProtocol(), 3)
  bench.to(3).events.closed('end', false)
  assert.equal(bench.peers.oldestProtocol(), 4)
})

test('new targets: who is new is dialled, who has moved is dialled there, who is not named keeps its streams', () => {
  const bench = new Bench()
  const two = bench.open(2)
  const three = bench.open(3)
  bench.peers.send(envelope(2, PART))
  bench.peers.send(envelope(3, PART))
  const [bulkTwo, bulkThree] = [bench.open(2), bench.open(3)]
  bench.told()
  const moved = { nodeId: 3, host: 'elsewhere', port: 9003 }
  bench.peers.setTargets([moved, { nodeId: 4, host: 'h', port: 9004 }])
  assert.deepEqual(
    [two, bulkTwo, three, bulkThree].map(({ closed }) => closed),
    [false, false, true, true],
  )
  assert.deepEqual([bench.to(3).target, bench.count(4), bench.count(2)], [moved, 1, 2])
  assert.equal(bench.peers.send(envelope(2, HEARTBEAT)), true, 'a node that leaves must hear of it')
  assert.deepEqual(bench.told(), [])
  const now = bench.open(3)
  bench.peers.send(envelope(3, PART))
  assert.deepEqual(bench.to(3).target, moved)
  bench.peers.setTargets([{ ...moved }, { nodeId: 4, host: 'h', port: 9004 }])
  assert.equal(now.closed, false, 'nothing changes for those who stay')
  bench.peers.setTargets([{ ...moved, port: 1 }])
  assert.deepEqual([now.closed, bench.to(3).target.port, bench.to(4).closed], [true, 1, false])
})

test('a node whose address is not known here is answered on the stream that it opened, in its protocol', () => {
  const bench = new Bench()
  assert.equal(bench.peers.send(envelope(8, HEARTBEAT)), false)
  const { sent } = bench.streamOpened(8, 1)
  assert.equal(bench.peers.send(envelope(8, HEARTBEAT)), true)
  assert.deepEqual(sent, [encodeEnvelope(envelope(8, HEARTBEAT), 1)])
  assert.equal(bench.peers.send(envelope(8, PART)), false, 'protocol 1 has no words for it')
  bench.streamClosed(8)
  assert.equal(bench.peers.send(envelope(8, HEARTBEAT)), false)
})

test('after the end nobody is dialled any more, whatever closes or opens then', async () => {
  const bench = new Bench()
  bench.open(2)
  bench.peers.send(envelope(2, PART))
  bench.streamOpened(3)
  bench.to(3).events.closed('timeout', false)
  bench.told()
  bench.peers.close()
  assert.deepEqual(
    bench.dialled.filter(({ closed }) => !closed).map(({ target }) => target.nodeId),
    [],
  )
  const count = bench.dialled.length
  bench.streamClosed(3)
  await bench.clock.pass(5000)
  assert.deepEqual([bench.dialled.length, bench.clock.timers, bench.told()], [count, 0, []])
})
