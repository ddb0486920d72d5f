import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Deferred, deferred } from '../../src/base/deferred.ts'
import { ClusterKey } from '../../src/io/cluster-key.ts'
import {
  type Hello,
  type Respond,
  SESSION_BODY_BYTES_MAX,
  SESSION_FRAME_BYTES_MAX,
  type Session,
} from '../../src/io/session.ts'
import { type Refused, SESSION_PATH, SessionNetwork } from '../../src/io/session-network.ts'
import { until } from '../cluster/processes.ts'

/** Sessions of storage nodes: the handshake, requests both ways, and what nobody should send. */
const key = new ClusterKey('one key of sufficient length')
const HELLO: Hello = { brokerId: 101, brokerEpoch: 7, incarnationId: 'process 1' }

const echo: Respond = async (name, body) => ({ status: 200, body: { name, body } })

type End = { session: Session; closed: Promise<string>; hello: Hello }

class Controller {
  readonly ends: End[] = []
  readonly sockets = new Set<Socket>()
  respond: Respond = echo
  refused: Refused | null = null
  url = ''
  port = 0

  async listen(t: TestContext, accepted = key): Promise<this> {
    const network = new SessionNetwork(accepted)
    const server = createServer((_, response) => response.writeHead(404).end())
    server.on('connection', socket => this.sockets.add(socket))
    server.on('upgrade', (incoming: IncomingMessage, socket, head) => {
      socket.on('error', () => {})
      network.accept(incoming, socket as Socket, head, {
        refusal: () => this.refused,
        proven: (hello, session) => {
          const closed = deferred<string>()
          this.ends.push({ session, closed: closed.promise, hello })
          return { respond: (name, body) => this.respond(name, body), closed: closed.resolve }
        },
      })
    })
    await once(server.listen(0, 'localhost'), 'listening')
    this.port = (server.address() as AddressInfo).port
    this.url = `http://localhost:${this.port}`
    t.after(() => {
      for (const socket of this.sockets) socket.destroy()
      server.close()
    })
    return this
  }
}

type Dialled = { opened: Deferred<Session>; closed: Promise<{ reason: string; refused: boolean }> }

function dial(
  url: string,
  respond: Respond = echo,
  dialled = key,
): Dialled & { close(reason: string): void } {
  const opened = deferred<Session>()
  const closed = deferred<{ reason: string; refused: boolean }>()
  const { close } = new SessionNetwork(dialled).dial(url, HELLO, {
    respond,
    opened: opened.resolve,
    closed: (reason, refused) => closed.resolve({ reason, refused }),
  })
  return { opened, closed: closed.promise, close }
}

async function joined(
  t: TestContext,
): Promise<{ controller: Controller; end: End; node: Session; dialled: Dialled }> {
  const controller = await new Controller().listen(t)
  const dialled = dial(controller.url)
  const node = await dialled.opened.promise
  const end = await until('the session is proven', async () => controller.ends[0])
  return { controller, end, node, dialled }
}

test('both ends ask and answer, many at once, each answer to its own request', async t => {
  const { end, node } = await joined(t)
  assert.deepEqual(end.hello, HELLO)
  const asked = Array.from({ length: 60 }, (_, i) => i)
  const answers = await Promise.all([
    ...asked.map(i => node.request('up', JSON.stringify({ i }), 5_000)),
    ...asked.map(i => end.session.request('down', JSON.stringify({ i }), 5_000)),
  ])
  assert.deepEqual(
    answers.map(({ body }) => body),
    [...asked.map(i => ({ name: 'up', body: { i } })), ...asked.map(i => ({ name: 'down', body: { i } }))],
  )
})

test('status and body come as they were given, also without a body', async t => {
  const { controller, node } = await joined(t)
  controller.respond = async name => ({ status: Number(name), body: name === '503' ? null : { ok: 'é' } })
  assert.deepEqual(await node.request('503', '{}', 5_000), { status: 503, body: null })
  assert.deepEqual(await node.request('201', '', 5_000), { status: 201, body: { ok: 'é' } })
})

test('who ends a session says why, and whoever waits for an answer learns it at once', async t => {
  const { controller, end, node, dialled } = await joined(t)
  controller.respond = () => new Promise(() => {})
  const waiting = node.request('slow', '{}', 60_000)
  end.session.close('this node is not the controller any more')
  await assert.rejects(waiting, /the other side ended it: this node is not the controller any more/)
  assert.match((await dialled.closed).reason, /not the controller any more/)
  assert.match(await end.closed, /not the controller any more/)
  await assert.rejects(node.request('late', '{}', 100), /has ended/)
})

test('a connection that breaks ends the session at both ends', async t => {
  const { controller, end, node, dialled } = await joined(t)
  const waiting = node.request('slow', '{}', 60_000)
  controller.respond = () => new Promise(() => {})
  for (const socket of controller.sockets) socket.destroy()
  await assert.rejects(waiting)
  await Promise.all([dialled.closed, end.closed])
})

test('without the key nobody gets in, and a controller without it gets nothing', async t => {
  const other = new ClusterKey('quite another key of the same kind')
  const controller = await new Controller().listen(t)
  const stranger = dial(controller.url, echo, other)
  assert.deepEqual(await stranger.closed, {
    reason: 'the other side has another cluster key',
    refused: false,
  })
  assert.deepEqual(controller.ends, [])
  // One that does not care who answers cannot prove itself either.
  const socket = await upgraded(controller.port)
  socket.write(frame(Buffer.from(other.prove('session dialer', '101', '7', 'process 1', 'a', 'b'))))
  await once(socket, 'close')
  assert.deepEqual(controller.ends, [])
})

test('an address where nobody listens is told as refused; one that is none, and one that refuses, with the reason', async t => {
  const controller = await new Controller().listen(t)
  controller.refused = { status: 409, code: 'STALE_BROKER_EPOCH', message: 'register again' }
  assert.deepEqual(await dial(controller.url).closed, {
    reason: 'refused with status 409: register again',
    refused: false,
  })
  assert.equal((await dial('http://localhost:1').closed).refused, true)
  for (const address of ['nowhere', 'https://localhost:1', 'http://'])
    assert.match((await dial(address).closed).reason, /is no HTTP address/)
})

test('what does not fit into a frame is not sent, be it a request or an answer', async t => {
  const { controller, end, node } = await joined(t)
  const long = 'x'.repeat(SESSION_BODY_BYTES_MAX)
  await assert.rejects(node.request('up', JSON.stringify(long), 5_000), /over the limit/)
  controller.respond = async () => ({ status: 200, body: long })
  const answer = await node.request('up', '{}', 5_000)
  assert.deepEqual([answer.status, (answer.body as any).error.code], [413, 'BODY_TOO_LARGE'])
  const fits = 'x'.repeat(SESSION_BODY_BYTES_MAX - 100)
  assert.equal((await end.session.request('down', JSON.stringify(fits), 5_000)).status, 200)
})

test('more than 64 requests do not wait at once; one that nobody answers is given up in time', async t => {
  const { controller, node } = await joined(t)
  controller.respond = () => new Promise(() => {})
  const waiting = Array.from({ length: 64 }, () => node.request('slow', '{}', 300))
  await assert.rejects(node.request('one more', '{}', 300), /64 requests wait/)
  for (const each of waiting) await assert.rejects(each, /no answer in 300 ms/)
  controller.respond = echo
  assert.equal((await node.request('again', '{}', 5_000)).status, 200)
})

test('a handler that throws ends the session, and not the process', async t => {
  const { controller, node, dialled } = await joined(t)
  controller.respond = () => Promise.reject(new Error('a bug'))
  await assert.rejects(node.request('up', '{}', 5_000), /up could not be answered: a bug/)
  await dialled.closed
})

function frame(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** An upgraded connection with nothing proved. */
async function upgraded(port: number, prove = false): Promise<Socket> {
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'dmq-session',
    'DMQ-Broker': '101 7',
    'DMQ-Incarnation': 'process 1',
    'DMQ-Nonce': 'a nonce',
  }
  const dial = request({ host: 'localhost', port, path: SESSION_PATH, headers }).end()
  const [response, socket] = (await once(dial, 'upgrade')) as [IncomingMessage, Socket]
  socket.on('error', () => {})
  socket.resume()
  const proof = key.prove(
    'session dialer',
    '101',
    '7',
    'process 1',
    'a nonce',
    String(response.headers['dmq-nonce']),
  )
  if (prove) socket.write(frame(Buffer.from(proof)))
  return socket
}

const MALFORMED: readonly [string, Buffer, RegExp][] = [
  ['a kind that is not known', frame(Buffer.from([9, 0, 0, 0, 0])), /kind 9 is not known/],
  ['an empty frame', frame(Buffer.alloc(0)), /malformed/],
  ['a request without an id', frame(Buffer.from([1, 0])), /malformed/],
  ['a name longer than the frame', frame(Buffer.from([1, 0, 0, 0, 0, 200, 65])), /malformed/],
  ['a body that is no JSON', frame(Buffer.from([1, 0, 0, 0, 0, 1, 65, 123])), /malformed/],
  ['an answer without a status', frame(Buffer.from([2, 0, 0, 0, 0])), /malformed/],
  [
    'a frame over the limit',
    Buffer.from(new Uint32Array([SESSION_FRAME_BYTES_MAX + 1]).buffer),
    /over the limit/,
  ],
]

for (const [what, bytes, reason] of MALFORMED) {
  test(`${what} ends the session, with the reason`, async t => {
    const controller = await new Controller().listen(t)
    const socket = await upgraded(controller.port, true)
    const end = await until('it is proven', async () => controller.ends[0])
    const over = once(socket, 'close')
    socket.write(bytes)
    assert.match(await end.closed, reason)
    await over
  })
}

test('before the key is proved nothing is kept: a long first frame, or none, ends the connection', async t => {
  const controller = await new Controller().listen(t)
  const [long, silent] = await Promise.all([upgraded(controller.port), upgraded(controller.port)])
  const over = Promise.all([once(long, 'close'), once(silent, 'close')])
  long.write(frame(Buffer.alloc(65)))
  await over
  assert.deepEqual(controller.ends, [])
})

test('an answer to nothing is ignored; too many requests at once end the session', async t => {
  const controller = await new Controller().listen(t)
  controller.respond = () => new Promise(() => {})
  const socket = await upgraded(controller.port, true)
  const end = await until('it is proven', async () => controller.ends[0])
  socket.write(frame(Buffer.from([2, 1, 2, 3, 4, 200, 0])))
  for (let id = 0; id < 256; id++) socket.write(frame(Buffer.from([1, id, 0, 0, 0, 1, 65])))
  const waiting = assert.rejects(end.session.request('still there', '{}', 60_000))
  socket.write(frame(Buffer.from([1, 1, 1, 0, 0, 1, 65])))
  assert.match(await end.closed, /more than 256 requests at once/)
  await waiting
})
