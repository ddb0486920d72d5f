import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STREAM_PATH, STREAM_PROTOCOL } from '../../../src/io/node-network.ts'
import { ask, until } from '../../cluster/processes.ts'
import { assertError, assertSound, key, METADATA } from '../contract.ts'
import { exchange, RawConnection, requestText } from '../raw-http.ts'
import { cluster, MIB, metadata, refused, storage } from './shared-cluster.ts'

const UPGRADE = { Connection: 'Upgrade', Upgrade: STREAM_PROTOCOL }

refused('an upgrade without the right headers is 400, and the connection is ended', async () => {
  const wrong: Record<string, string>[] = [
    {},
    { 'DMQ-Node': '2 1' },
    { 'DMQ-Nonce': 'x' },
    { 'DMQ-Node': '2', 'DMQ-Nonce': 'x' },
    { 'DMQ-Node': '2 7', 'DMQ-Nonce': 'x' },
    { 'DMQ-Node': '-2 1', 'DMQ-Nonce': 'x' },
    { 'DMQ-Node': '99999999999 1', 'DMQ-Nonce': 'x' },
    { 'DMQ-Node': '2 1 1', 'DMQ-Nonce': 'x' },
    { 'DMQ-Node': '2 1', 'DMQ-Nonce': 'x'.repeat(65) },
    { 'DMQ-Node': '2 1', 'DMQ-Nonce': 'x', Upgrade: 'websocket' },
    { 'DMQ-Node': '2 1', 'DMQ-Nonce': 'x', Upgrade: 'h2c' },
  ]
  for (const headers of wrong) {
    using connection = await RawConnection.open(metadata)
    connection.send(requestText('GET', STREAM_PATH, { ...UPGRADE, ...headers }))
    await connection.ended()
    assertError(connection.answers[0]!, 'INVALID_REQUEST')
  }
})

refused('who offers an upgrade that is not for streams is answered in HTTP', async () => {
  // Java's client and "curl --http2" offer HTTP/2 with every first request.
  const h2c = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAEAAEAAAAIAAAAA' }
  for (const node of cluster.all) {
    const { answers } = await exchange(node, requestText('GET', '/health/live', h2c))
    assert.deepEqual([answers[0]!.status, answers[0]!.body], [200, { status: 'live' }])
    const elsewhere = await exchange(node, requestText('GET', '/nothing', UPGRADE))
    assertError(elsewhere.answers[0]!, 'NOT_FOUND')
  }
  const read = await exchange(metadata, requestText('GET', `${METADATA}/topics/kept`, h2c))
  assert.equal(read.answers[0]!.body.topicName, 'kept')
  const atStorage = await exchange(storage, requestText('GET', STREAM_PATH, UPGRADE))
  assertError(atStorage.answers[0]!, 'NOT_FOUND')
})

/** An upgraded stream, before its proof. */
async function upgraded(nonce = 'n'): Promise<{ connection: RawConnection; acceptorNonce: string }> {
  const connection = await RawConnection.open(metadata)
  connection.send(requestText('GET', STREAM_PATH, { ...UPGRADE, 'DMQ-Node': '2 1', 'DMQ-Nonce': nonce }))
  await connection.wait('the upgrade', () => connection.answers.length > 0)
  const { status, headers } = connection.answers[0]!
  assert.equal(status, 101)
  const acceptorNonce = headers.get('dmq-nonce')!
  assert.ok(key.verify(headers.get('dmq-proof')!, 'acceptor', '2', '1', nonce, acceptorNonce))
  return { connection, acceptorNonce }
}

function frame(bytes: string | Uint8Array): Buffer {
  const body = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
  const length = Buffer.alloc(4)
  length.writeUInt32LE(body.length)
  return Buffer.concat([length, body])
}

const proof = (acceptorNonce: string, nonce = 'n') => key.prove('dialer', '2', '1', nonce, acceptorNonce)
const length = (bytes: number) => frame('').fill(Buffer.from(new Uint32Array([bytes]).buffer))

refused('a stream without the right proof is ended at its first frame', async () => {
  const firsts: ((acceptorNonce: string) => Buffer)[] = [
    () => frame(''),
    () => frame('wrong'),
    () => frame('x'.repeat(43)),
    nonce => frame(key.prove('acceptor', '2', '1', 'n', nonce)),
    nonce => frame(proof(nonce, 'another')),
    () => frame(proof('of another stream')),
    nonce => frame(proof(nonce).slice(1)),
    nonce => Buffer.concat([frame('wrong'), frame(proof(nonce)), frame('a message')]),
    () => length(65),
    () => length(32 * MIB),
    () => length(2 ** 32 - 1),
    () => Buffer.from('GET /health/live HTTP/1.1\r\n\r\n'),
  ]
  for (const first of firsts) {
    const { connection, acceptorNonce } = await upgraded()
    connection.send(first(acceptorNonce))
    await connection.ended()
    assert.equal(connection.answers.length, 1, 'nothing is said on the stream')
  }
})

refused(
  'a stream that brings no proof is ended after a while, and one that is half closed at once',
  async () => {
    const silent = await upgraded()
    const slow = await upgraded()
    slow.connection.send(frame(proof(slow.acceptorNonce)).subarray(0, 20))
    const half = await upgraded()
    half.connection.socket.end()
    const proven = await upgraded()
    proven.connection.send(frame(proof(proven.acceptorNonce)))
    await half.connection.ended()
    await Promise.all([silent.connection.ended(), slow.connection.ended()])
    assert.equal(proven.connection.closed, false)
    proven.connection.socket.end()
    await proven.connection.ended()
  },
)

refused('garbage after a valid proof is refused message by message', async () => {
  const { connection, acceptorNonce } = await upgraded()
  connection.send(frame(proof(acceptorNonce)))
  for (const bytes of [
    '',
    'x',
    '\x01',
    '\x01\xff',
    '\x02\x00',
    '\x01\x02'.padEnd(200, '\xff'),
    '\x00'.repeat(70_000),
  ])
    connection.send(frame(bytes))
  await until('the node says so', async () => metadata.output.includes('a message of node 2 is not readable'))
  assert.equal(connection.closed, false)
  connection.send(length(32 * MIB + 1))
  await connection.ended()
})

test('a client that resets its connection while it is upgraded does not end the process', async () => {
  const requests = [
    requestText('GET', '/nothing', UPGRADE),
    requestText('GET', STREAM_PATH, UPGRADE),
    requestText('GET', STREAM_PATH, { ...UPGRADE, 'DMQ-Node': '2 1', 'DMQ-Nonce': 'n' }),
  ]
  for (const text of requests) {
    metadata.pause()
    // The kernel answers for the process that is paused: the requests wait, each with its reset behind it.
    for (let i = 0; i < 10; i++) {
      using connection = await RawConnection.open(metadata)
      connection.send(text)
      await until('it is sent', async () => connection.socket.writableLength === 0)
      connection.socket.resetAndDestroy()
    }
    metadata.wake()
    await until('it answers', async () => (await ask('GET', `${metadata.url}/health/ready`)).status === 200)
    assertSound(cluster.all)
  }
})
