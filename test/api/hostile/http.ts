import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STREAM_PATH, STREAM_PROTOCOL } from '../../../src/io/node-network.ts'
import { ask, until } from '../../cluster/processes.ts'
import { assertError, METADATA, send, settled } from '../contract.ts'
import { exchange, jsonRequest, type RawAnswer, RawConnection, requestText } from '../raw-http.ts'
import { BROKER, cluster, metadata, refused, storage, TOPIC } from './shared-cluster.ts'

const NOT_HTTP: Readonly<Record<string, string>> = {
  'a TLS greeting': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hello\r\n\r\n',
  'an HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a Kafka request': '\x00\x00\x00\x10\x00\x12\x00\x03\x00\x00\x00\x01\x00\x01x\x00\x00\x00\x00',
  'a method that is none': requestText('DROP', '/'),
  'line feeds alone': 'GET /health/live HTTP/1.1\nHost: x\n\n',
  'a space before the colon': 'GET /health/live HTTP/1.1\r\nHost : x\r\n\r\n',
  'a folded header': 'GET /health/live HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n',
  'a zero byte in a header': 'GET /health/live HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n',
  'bytes over 127 in the path': 'GET /caf\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n',
  'no Host': 'GET /health/live HTTP/1.1\r\n\r\n',
  'a URL of 20,000 characters': requestText('GET', `/${'x'.repeat(20_000)}`),
  'a header of 20,000 characters': requestText('GET', '/health/live', { 'X-Long': 'x'.repeat(20_000) }),
  'a thousand headers': requestText(
    'GET',
    '/health/live',
    Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`X-${i}`, 'x'.repeat(20)])),
  ),
  'two lengths': requestText(
    'POST',
    `${METADATA}/topics`,
    { 'Content-Type': 'application/json', 'Content-Length': '5\r\nContent-Length: 6' },
    '12345',
  ),
  'a negative length': requestText('POST', `${METADATA}/topics`, {
    'Content-Type': 'application/json',
    'Content-Length': -5,
  }),
  'a length of its own kind': requestText('POST', `${METADATA}/topics`, {
    'Content-Type': 'application/json',
    'Content-Length': '0x10',
  }),
  'a chunk without a size': requestText(
    'POST',
    `${METADATA}/topics`,
    { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' },
    'ZZZ\r\n\r\n',
  ),
  'an unknown transfer encoding': requestText(
    'POST',
    `${METADATA}/topics`,
    { 'Content-Type': 'application/json', 'Transfer-Encoding': 'xchunked' },
    '0\r\n\r\n',
  ),
}

refused('what is not HTTP is 400 in the one error shape', async () => {
  for (const node of cluster.all) {
    for (const [what, text] of Object.entries(NOT_HTTP)) {
      const { answers } = await exchange(node, text)
      assert.deepEqual([what, ...answers.map(({ status }) => status)], [what, 400])
      assert.ok(Number(answers[0]!.headers.get('x-metadata-version')) > 0, what)
      assertError(answers[0]!, 'INVALID_REQUEST')
    }
  }
})

refused('no request is smuggled inside of another', async () => {
  const hidden = jsonRequest('POST', `${METADATA}/brokers`, JSON.stringify(BROKER))
  const both = (extra: string) =>
    `POST ${METADATA}/topics HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${extra}\r\n\r\n0\r\n\r\n${hidden}`
  const smuggled = [
    both('Content-Length: 5\r\nTransfer-Encoding: chunked'),
    both('Transfer-Encoding: chunked\r\nContent-Length: 5'),
    both('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity'),
    both('Transfer-Encoding: chunked, identity'),
    both('Transfer-Encoding:\x0bchunked'),
    both('Transfer-Encoding : chunked'),
    both('X: y\rTransfer-Encoding: chunked'),
    both(`Content-Length: 5\r\nContent-Length: ${5 + hidden.length}`),
    `GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
  ]
  for (const text of smuggled) {
    const { answers } = await exchange(metadata, text)
    assert.equal(answers.length, 1, text)
    if (answers[0]!.status !== 200) assertError(answers[0]!, 'INVALID_REQUEST')
  }
})

test('garbage behind a request is not taken for the answer to the request', async () => {
  const pipelined = `${requestText('GET', '/health/live')}GARBAGE\r\n\r\n`
  for (const { status } of (await exchange(metadata, pipelined, 2)).answers.slice(0, 1))
    assert.equal(status, 200)
  const write = jsonRequest('POST', `${METADATA}/brokers`, JSON.stringify({ ...BROKER, brokerId: 8 }))
  const { answers, closed } = await exchange(metadata, `${write}GARBAGE\r\n\r\n`, 2)
  assert.ok(closed)
  // The write is done; the client learns that or nothing, but never that it was refused.
  await until(
    'the broker is there',
    async () => (await send(metadata, 'GET', `${METADATA}/brokers/8`)).status === 200,
  )
  assert.deepEqual(
    answers.slice(0, 1).filter(({ status }) => status !== 201),
    [],
  )
  assert.equal((await send(metadata, 'DELETE', `${METADATA}/brokers/8`)).status, 204)
  await settled(cluster.all)
})

refused('many requests on one connection are answered in order', async () => {
  const paths = Array.from({ length: 100 }, (_, i) =>
    i % 2 === 0 ? '/health/live' : `${METADATA}/topics/t${i}`,
  )
  const { answers } = await exchange(metadata, paths.map(path => requestText('GET', path)).join(''), 100)
  const expected = (answer: RawAnswer, i: number) =>
    i % 2 === 0 ? answer.body.status === 'live' : answer.body.error.message.includes(`"t${i}"`)
  assert.ok(answers.every(expected))
})

refused('slow, silent and half-open clients keep nobody else waiting', async () => {
  const starts = [
    '',
    'GET /health',
    requestText('GET', '/health/live').slice(0, -2),
    requestText(
      'POST',
      `${METADATA}/topics`,
      { 'Content-Type': 'application/json', 'Content-Length': 1000 },
      '{',
    ),
    requestText(
      'POST',
      `${METADATA}/topics`,
      { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' },
      '5\r\n{',
    ),
    requestText('GET', STREAM_PATH, {
      Connection: 'Upgrade',
      Upgrade: STREAM_PROTOCOL,
      'DMQ-Node': '2 1',
      'DMQ-Nonce': 'x',
    }),
  ]
  const open: RawConnection[] = []
  for (let i = 0; i < 300; i++) {
    const connection = await RawConnection.open(i % 3 === 0 ? storage : metadata)
    connection.send(starts[i % starts.length]!)
    if (i % 5 === 0) connection.socket.end()
    open.push(connection)
  }
  for (let i = 0; i < 20; i++) {
    for (const node of cluster.all) assert.equal((await ask('GET', `${node.url}/health/ready`)).status, 200)
  }
  for (const connection of open) connection[Symbol.dispose]()
})

refused('a client that hangs up in the middle of a request leaves nothing behind', async () => {
  const text = jsonRequest('POST', `${METADATA}/topics`, JSON.stringify(TOPIC))
  for (let cut = 1; cut < text.length; cut += 7) {
    using connection = await RawConnection.open(metadata)
    connection.send(text.slice(0, cut))
    if (cut % 2 === 0) connection.socket.resetAndDestroy()
    else connection.socket.end()
  }
})
