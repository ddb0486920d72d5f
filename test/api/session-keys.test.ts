import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { deferred } from '../../src/base/deferred.ts'
import { ClusterKey } from '../../src/io/cluster-key.ts'
import type { Hello, KeyFinding } from '../../src/io/session.ts'
import { type Refused, SessionNetwork } from '../../src/io/session-network.ts'

/** What a storage node learns of the controller's key, let in or not. */
const key = new ClusterKey('one key of sufficient length')
const other = new ClusterKey('quite another key of the same kind')
const HELLO: Hello = { brokerId: 101, brokerEpoch: 0, incarnationId: 'process 1' }
const UNKNOWN: Refused = { status: 404, code: 'UNKNOWN_BROKER', message: 'broker 101 is not registered' }

async function listening(t: TestContext, server: Server): Promise<string> {
  const sockets = new Set<Socket>()
  server.on('connection', socket => sockets.add(socket))
  await once(server.listen(0, 'localhost'), 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://localhost:${(server.address() as AddressInfo).port}`
}

function controller(t: TestContext, refused: Refused | null): Promise<string> {
  const server = createServer()
  const acceptor = new SessionNetwork(key)
  server.on('upgrade', (incoming: IncomingMessage, socket, head) => {
    socket.on('error', () => {})
    acceptor.accept(incoming, socket as Socket, head, {
      refusal: () => refused,
      proven: () => ({ respond: async () => ({ status: 200, body: null }), closed: () => {} }),
    })
  })
  return listening(t, server)
}

for (const [mine, finding] of [
  [key, 'same'],
  [other, 'other'],
] as const)
  for (const refused of [UNKNOWN, null])
    test(`the key is seen to be ${finding} by who is ${refused === null ? 'let in' : 'not registered'}`, async t => {
      const url = await controller(t, refused)
      assert.equal(await new SessionNetwork(mine).compareKeys(url, HELLO), finding)
    })

test('who is refused still learns why, and the session that is dialled shows the key as well', async t => {
  const url = await controller(t, UNKNOWN)
  const closed = deferred<string>()
  const shown: KeyFinding[] = []
  new SessionNetwork(other).dial(url, HELLO, {
    respond: async () => ({ status: 200, body: null }),
    keyShown: finding => shown.push(finding),
    opened: () => {},
    closed: closed.resolve,
  })
  assert.match(await closed.promise, /status 404: broker 101 is not registered/)
  assert.deepEqual(shown, ['other'])
})

test('an answer without a proof, as of an earlier release or a proxy, shows nothing', async t => {
  const plain = createServer((_, response) => response.writeHead(404).end('{}'))
  const url = await listening(t, plain)
  assert.equal(await new SessionNetwork(key).compareKeys(url, HELLO), 'unproven')
  const stripped = createServer()
  stripped.on('upgrade', (_: IncomingMessage, socket) => {
    socket.on('error', () => {})
    socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: dmq-session\r\n\r\n')
  })
  assert.equal(await new SessionNetwork(key).compareKeys(await listening(t, stripped), HELLO), 'unproven')
})

test('who is not there shows nothing', async t => {
  const server = createServer()
  const url = await listening(t, server)
  await new Promise(resolve => server.close(resolve))
  assert.equal(await new SessionNetwork(key).compareKeys(url, HELLO), null)
  assert.equal(await new SessionNetwork(key).compareKeys('https://localhost:1', HELLO), null)
})
