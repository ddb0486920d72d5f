import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { PROTOCOL } from '../../src/consensus/message-codec.ts'
import { ClusterKey } from '../../src/io/cluster-key.ts'
import { FRAME_BYTES_MAX, FrameSocket } from '../../src/io/frame-socket.ts'
import { NodeNetwork, type Protocols, STREAM_PATH } from '../../src/io/node-network.ts'
import { until } from '../cluster/processes.ts'

/** The streams between metadata nodes: frames on a socket, and the handshake that comes before them. */
class FakeSocket extends Duplex {
  setNoDelay(): void {}
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done()
  }
  setTimeout(): void {}
}

const frameOf = (bytes: Uint8Array): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([length, bytes])
}

function receiving(): { socket: FakeSocket; frames: Buffer[]; stream: FrameSocket } {
  const socket = new FakeSocket()
  const frames: Buffer[] = []
  const stream = new FrameSocket(
    socket as unknown as Socket,
    bytes => frames.push(bytes),
    () => {},
  )
  return { socket, frames, stream }
}

test('frames arrive whole and in order, however the bytes are cut', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 })
  const cuts = fc.array(fc.nat({ max: 600 }), { maxLength: 30 })
  const property = fc.property(bodies, cuts, (sent, cuts) => {
    const { socket, frames } = receiving()
    const bytes = Buffer.concat(sent.map(frameOf))
    const ends = [...new Set([...cuts.filter(cut => cut < bytes.length), bytes.length])].sort((a, b) => a - b)
    ends.reduce((from, to) => {
      socket.emit('data', bytes.subarray(from, to))
      return to
    }, 0)
    assert.deepEqual(
      frames.map(frame => frame.toString('hex')),
      sent.map(body => Buffer.from(body).toString('hex')),
    )
  })
  fc.assert(property, { seed: Number(process.env.SEED ?? 1), numRuns: 2_000 })
})

test('a long frame in many small pieces is joined once, not anew for each piece', () => {
  const { socket, frames } = receiving()
  const piece = Buffer.alloc(1024)
  const pieces = (16 * 1024 * 1024) / piece.length
  const begun = performance.now()
  socket.emit('data', frameOf(Buffer.alloc(pieces * piece.length)).subarray(0, 4))
  for (let i = 0; i < pieces; i++) socket.emit('data', piece)
  assert.equal(frames[0]!.length, pieces * piece.length)
  // It takes 20 ms; joined anew for each piece, it took half a minute, in which nothing else was done.
  assert.ok(performance.now() - begun < 3_000)
})

test('nothing is delivered after the stream is closed, be it from the same bytes', () => {
  const socket = new FakeSocket()
  const frames: string[] = []
  const stream: FrameSocket = new FrameSocket(
    socket as unknown as Socket,
    bytes => {
      frames.push(bytes.toString())
      stream.close()
    },
    () => {},
  )
  socket.emit('data', Buffer.concat(['a', 'b', 'c'].map(text => frameOf(Buffer.from(text)))))
  assert.deepEqual(frames, ['a'])
})

test('a frame over the limit ends the stream before any of it is kept', () => {
  for (const [limit, length] of [
    [FRAME_BYTES_MAX, FRAME_BYTES_MAX + 1],
    [64, 65],
    [FRAME_BYTES_MAX, 2 ** 32 - 1],
  ] as const) {
    const { socket, frames, stream } = receiving()
    stream.frameBytesMax = limit
    socket.on('error', () => {})
    socket.emit('data', Buffer.from(new Uint32Array([length]).buffer))
    assert.ok(socket.destroyed)
    assert.deepEqual(frames, [])
  }
})

const key = new ClusterKey('one key of sufficient length')

type Acceptor = { server: Server; port: number; frames: [number, string][]; streams: Set<FrameSocket> }

/** A node that accepts streams. */
async function accepting(
  t: TestContext,
  nodeId: number,
  accepted = key,
  protocols: Protocols = PROTOCOL,
): Promise<Acceptor> {
  const network = new NodeNetwork(nodeId, accepted, protocols)
  const server = createServer((_, response) => response.writeHead(404).end())
  const frames: [number, string][] = []
  const streams = new Set<FrameSocket>()
  server.on('upgrade', (request, socket, head) =>
    network.accept(request, socket as Socket, head, {
      opened: stream => streams.add(stream),
      proven() {},
      frame: (from, bytes) => frames.push([from, bytes.toString()]),
      closed: stream => streams.delete(stream),
    }),
  )
  await once(server.listen(0, 'localhost'), 'listening')
  t.after(() => {
    for (const stream of streams) stream.close()
    server.close()
  })
  return { server, port: (server.address() as AddressInfo).port, frames, streams }
}

function dialling(nodeId: number, to: number, port: number, dialled = key, protocols: Protocols = PROTOCOL) {
  const heard: { opened: boolean; protocol: number; closed: string[]; frames: string[] } = {
    opened: false,
    protocol: 0,
    closed: [],
    frames: [],
  }
  const connection = new NodeNetwork(nodeId, dialled, protocols).connect(
    { nodeId: to, host: 'localhost', port },
    {
      opened(protocol) {
        heard.opened = true
        heard.protocol = protocol
      },
      frame: bytes => heard.frames.push(bytes.toString()),
      closed: reason => heard.closed.push(reason),
    },
  )
  return { connection, heard }
}

test('two releases speak the newest protocol that both know, and say so when there is none (T39)', async t => {
  const cases: readonly [Protocols, Protocols, number | RegExp][] = [
    [{ oldest: 1, newest: 1 }, { oldest: 1, newest: 2 }, 1],
    [{ oldest: 1, newest: 3 }, { oldest: 2, newest: 2 }, 2],
    [{ oldest: 2, newest: 4 }, { oldest: 1, newest: 3 }, 3],
    [{ oldest: 3, newest: 4 }, { oldest: 1, newest: 2 }, /node 1 speaks Raft protocol 3 to 4, node 2 1 to 2/],
    [{ oldest: 1, newest: 2 }, { oldest: 3, newest: 4 }, /node 1 speaks Raft protocol 1 to 2, node 2 3 to 4/],
  ]
  for (const [dials, accepts, expected] of cases) {
    const acceptor = await accepting(t, 2, key, accepts)
    const { connection, heard } = dialling(1, 2, acceptor.port, key, dials)
    await until('it is open or closed', async () => heard.opened || heard.closed.length > 0)
    if (typeof expected === 'number') assert.deepEqual([heard.protocol, heard.closed], [expected, []])
    else assert.match(heard.closed[0]!, expected)
    connection.close()
  }
})

test('a stream carries frames both ways, between nodes of any id', async t => {
  const largest = 2 ** 31 - 1
  const acceptor = await accepting(t, largest)
  const { connection, heard } = dialling(largest - 1, largest, acceptor.port)
  assert.equal(connection.send(Buffer.from('too early')), false)
  await until('it is open', async () => heard.opened)
  const long = 'x'.repeat(5 * 1024 * 1024)
  for (const text of ['first', '', long]) assert.equal(connection.send(Buffer.from(text)), true)
  await until('they arrived', async () => acceptor.frames.length === 3)
  assert.deepEqual(
    acceptor.frames.map(([from, text]) => [from, text.length]),
    [
      [largest - 1, 5],
      [largest - 1, 0],
      [largest - 1, long.length],
    ],
  )
  for (const stream of acceptor.streams) stream.send(Buffer.from('back'))
  await until('the answer arrived', async () => heard.frames.length === 1)
  connection.close()
  await until('the acceptor forgets it', async () => acceptor.streams.size === 0)
  assert.equal(connection.send(Buffer.from('too late')), false)
  assert.deepEqual([heard.frames, heard.closed.length], [['back'], 1])
})

test('who has another key gets no stream, on either side', async t => {
  const other = new ClusterKey('another key, as long as the one')
  const acceptor = await accepting(t, 2, other)
  const { connection, heard } = dialling(1, 2, acceptor.port)
  await until('it is closed', async () => heard.closed.length > 0)
  assert.deepEqual([heard.opened, heard.closed], [false, ['the other side has another cluster key']])
  assert.equal(connection.send(Buffer.from('anything')), false)
  await until('the acceptor forgets it', async () => acceptor.streams.size === 0)
  assert.deepEqual(acceptor.frames, [])
})

test('a dialer tells why there is no stream, once', async t => {
  const acceptor = await accepting(t, 2)
  const plain = createServer((_, response) => response.writeHead(404).end())
  await once(plain.listen(0, 'localhost'), 'listening')
  const silent = createTcpServer(() => {})
  await once(silent.listen(0, 'localhost'), 'listening')
  t.after(() => {
    plain.close()
    silent.close()
  })
  const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port
  const cases: [ReturnType<typeof dialling>, RegExp][] = [
    [dialling(1, 9, acceptor.port), /^refused with status 400: this is metadata node 2/],
    [dialling(1, 2, portOf(plain)), /^refused with status 404$/],
    [dialling(1, 2, portOf(silent)), /^no answer in 2000 ms$/],
    [dialling(1, 2, 1), /ECONNREFUSED/],
  ]
  for (const [{ connection, heard }, reason] of cases) {
    await until('it is closed', async () => heard.closed.length > 0)
    assert.match(heard.closed[0]!, reason)
    connection.close()
    assert.deepEqual([heard.opened, heard.closed.length], [false, 1])
  }
})

test('an acceptor is not fooled by its own proof, nor by one of an earlier stream', async t => {
  const acceptor = await accepting(t, 2)
  let recorded = ''
  // In between sits somebody who has no key, and passes on what he likes.
  const between = createServer()
  between.on('upgrade', (request, socket) => {
    const nonce = request.headers['dmq-nonce'] as string
    socket.on('error', () => {})
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: dmq-raft\r\nDMQ-Nonce: ${nonce}\r\n` +
        `DMQ-Proof: ${recorded}\r\n\r\n`,
    )
  })
  await once(between.listen(0, 'localhost'), 'listening')
  t.after(() => between.close())
  const first = await fetchUpgrade(acceptor.port)
  recorded = first.proof
  first.socket.destroy()
  const { heard } = dialling(1, 2, (between.address() as AddressInfo).port)
  await until('it is closed', async () => heard.closed.length > 0)
  assert.equal(heard.opened, false)
  const second = await fetchUpgrade(acceptor.port)
  second.socket.write(frameOf(Buffer.from(second.proof)))
  await once(second.socket, 'close')
  assert.deepEqual(acceptor.frames, [])
})

/** The first half of the handshake, by hand. */
async function fetchUpgrade(port: number): Promise<{ proof: string; socket: Socket }> {
  const headers = { Connection: 'Upgrade', Upgrade: 'dmq-raft', 'DMQ-Node': '1 2', 'DMQ-Nonce': 'x' }
  const dial = request({ host: 'localhost', port, path: STREAM_PATH, headers, agent: false }).end()
  const [response, socket] = (await once(dial, 'upgrade')) as [{ headers: Record<string, string> }, Socket]
  socket.on('error', () => {})
  socket.resume()
  return { proof: response.headers['dmq-proof']!, socket }
}

test('a sender is told when too much waits for a receiver that does not read', async t => {
  const server = createServer()
  // It proves the key, and then reads nothing.
  server.on('upgrade', (request, socket) => {
    socket.pause()
    socket.on('error', () => {})
    t.after(() => socket.destroy())
    const proof = key.prove('acceptor', '1', '2', request.headers['dmq-nonce'] as string, 'n')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: dmq-raft\r\nDMQ-Nonce: n\r\nDMQ-Proof: ${proof}\r\n\r\n`,
    )
  })
  await once(server.listen(0, 'localhost'), 'listening')
  t.after(() => server.close())
  const { connection, heard } = dialling(1, 2, (server.address() as AddressInfo).port)
  await until('it is open', async () => heard.opened)
  const frame = Buffer.alloc(1024 * 1024)
  let sent = 0
  while (sent < 100 && connection.send(frame)) sent += 1
  assert.ok(sent >= 16 && sent < 40, `${sent} MiB were taken`)
  connection.close()
})
