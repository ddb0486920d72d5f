import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ErrorCode } from '../../src/base/errors.ts'
import { STREAM_PATH, STREAM_PROTOCOL } from '../../src/io/node-network.ts'
import { ask, Cluster, type NodeProcess, until } from '../cluster/processes.ts'
import {
  assertError,
  assertSound,
  key,
  METADATA,
  RAFT,
  STORAGE,
  send,
  sendProved,
  settled,
  stateOf,
  unchanged,
} from './contract.ts'
import { exchange, jsonRequest, type RawAnswer, RawConnection, requestText } from './raw-http.ts'

/**
 * What nobody should send: the answer is a documented error or an ended connection, the process lives on, and neither
 * the metadata nor the Raft log has changed.
 */
const args = ['--session-timeout-ms', '60000']
const MIB = 1024 * 1024
let cluster: Cluster
let metadata: NodeProcess
let storage: NodeProcess

before(async () => {
  cluster = await Cluster.start({ metadata: 1, storage: 1, args })
  metadata = cluster.metadata[0]!
  storage = cluster.storage[0]!
  await until('the topic is created', async () => {
    const body = { topicName: 'kept', numPartitions: 2, replicationFactor: 1 }
    return (await ask('POST', `${metadata.url}${METADATA}/topics`, body)).status === 201
  })
  await settled(cluster.all)
})
after(() => cluster[Symbol.asyncDispose]())

type Hostile = () => Promise<void>

/** A test whose requests leave everything as it was. */
function refused(sentence: string, action: Hostile): void {
  test(sentence, async () => {
    await unchanged(cluster.all, action)
    assertSound(cluster.all)
  })
}

/** Every endpoint that takes a body: method, path, and the node that serves it. */
function writes(): [NodeProcess, string, string][] {
  return [
    [metadata, 'POST', `${METADATA}/topics`],
    [metadata, 'PATCH', `${METADATA}/topics/kept`],
    [metadata, 'POST', `${METADATA}/topics/kept/partitions`],
    [metadata, 'POST', `${METADATA}/brokers`],
    [metadata, 'POST', `${METADATA}/heartbeat/101`],
    [metadata, 'POST', `${METADATA}/partitions/alter`],
    [metadata, 'POST', `${RAFT}/vote`],
    [metadata, 'POST', `${RAFT}/append`],
    [storage, 'POST', `${STORAGE}/metadata`],
  ]
}

const nested = (depth: number, open: string, inner: string, close: string) =>
  open.repeat(depth) + inner + close.repeat(depth)
const DEEP_OBJECT = nested(20_000, '{"a":', '1', '}')
const DEEP_ARRAY = nested(100_000, '[', '', ']')

refused('a body that is no JSON object is 400 at every endpoint', async () => {
  const bodies: (string | Uint8Array)[] = [
    '',
    ' ',
    '{',
    '{}',
    '[]',
    '[{}]',
    'null',
    'true',
    '42',
    '"text"',
    'undefined',
    '{"topicName":',
    "{'topicName':'x'}",
    '{"topicName":"x"} and more',
    '{"topicName":NaN,"numPartitions":Infinity}',
    '{"topicName":"x",}',
    '\u0000\u0000',
    '\ufeff',
    Buffer.from([0xff, 0xfe, 0x7b, 0x7d]),
    Buffer.from('{"\xff":1}', 'latin1'),
    DEEP_ARRAY,
    DEEP_OBJECT,
    '['.repeat(900_000),
    '{"a":'.repeat(150_000),
  ]
  for (const [node, method, path] of writes()) {
    for (const body of bodies) assertError(await send(node, method, path, body), 'INVALID_REQUEST')
  }
})

type Case = [method: string, path: string, body: unknown, ...codes: ErrorCode[]]

const TOPIC = { topicName: 'never', numPartitions: 1, replicationFactor: 1 }
const BROKER = { brokerId: 7, host: 'localhost', port: 19_999 }
const BEAT = { brokerId: 101, timestamp: 0, metadataVersion: 0 }
const VOTE = { term: 9, candidateId: 2, lastLogIndex: 9, lastLogTerm: 9 }
const APPEND = { term: 9, leaderId: 2, prevLogIndex: 9, prevLogTerm: 9, entries: [], leaderCommit: 9 }
const NO_VERSIONS = [-1, 0.5, 2 ** 53, 1e300, '1', '', null, true, [], {}, [1]]
const NO_IDS = [...NO_VERSIONS, 2 ** 31]

/** Bodies with one thing wrong. */
function wrongBodies(): Case[] {
  const topics = `${METADATA}/topics`
  const vary = (
    method: string,
    path: string,
    body: object,
    name: string,
    values: readonly unknown[],
  ): Case[] => values.map(value => [method, path, { ...body, [name]: value }])
  const without = (method: string, path: string, body: object): Case[] =>
    Object.keys(body).map(name => [method, path, { ...body, [name]: undefined }])
  return [
    ...vary('POST', topics, TOPIC, 'topicName', [1, null, [], {}, true, '', 'x'.repeat(1_001)]),
    ...vary('POST', topics, TOPIC, 'numPartitions', [...NO_IDS, 0, 10_001]),
    ...vary('POST', topics, TOPIC, 'replicationFactor', [...NO_IDS, 0, 31]),
    ...vary('POST', topics, TOPIC, 'config', [
      1,
      'x',
      [],
      null,
      { 'retention.ms': [] },
      { 'retention.ms': {} },
      { 'retention.ms': null },
    ]),
    ...vary('POST', topics, TOPIC, 'validateOnly', ['true', 1, null, {}]),
    ...vary('POST', topics, TOPIC, 'unknown', [1]),
    ...vary('POST', topics, TOPIC, 'assignments', [[[101]]]),
    ...vary('POST', topics, { topicName: 'never' }, 'assignments', [
      [],
      [[]],
      [101],
      [['101']],
      [[101.5]],
      [[-1]],
      [[2 ** 31]],
      {},
      'x',
      null,
    ]),
    ...without('POST', topics, TOPIC),
    ...vary('PATCH', `${topics}/kept`, {}, 'config', [
      1,
      [],
      null,
      'x',
      { 'retention.ms': {} },
      { 'retention.ms': [1] },
    ]),
    ...vary('PATCH', `${topics}/kept`, { config: {} }, 'topicName', ['x']),
    ...vary('POST', `${topics}/kept/partitions`, {}, 'numPartitions', [...NO_IDS, 0, 1_000_001]),
    ...vary('POST', `${topics}/kept/partitions`, { numPartitions: 3 }, 'unknown', [1]),
    ...vary('POST', `${METADATA}/brokers`, BROKER, 'brokerId', NO_IDS),
    ...vary('POST', `${METADATA}/brokers`, BROKER, 'port', [...NO_IDS, 0, 65_536]),
    ...vary('POST', `${METADATA}/brokers`, BROKER, 'host', [
      1,
      null,
      '',
      'a b',
      'a/b',
      'a\r\nX: y',
      'http://x',
      'é',
      'x'.repeat(256),
      'user@host',
    ]),
    ...vary('POST', `${METADATA}/brokers`, BROKER, 'rack', [1, '', {}, 'x'.repeat(201)]),
    ...vary('POST', `${METADATA}/brokers`, BROKER, 'resources', [
      1,
      [],
      { cpu: '1' },
      { cpu: null },
      { cpu: {} },
    ]),
    ...vary('POST', `${METADATA}/brokers`, BROKER, 'listeners', [
      {},
      [1],
      [{}],
      [{ name: 'a', host: 'h', port: 0 }],
      [{ name: 'a', host: 'h', port: 1, more: 1 }],
    ]),
    ...vary('POST', `${METADATA}/brokers`, BROKER, 'status', ['ONLINE']),
    ...without('POST', `${METADATA}/brokers`, BROKER),
    ...vary('POST', `${METADATA}/heartbeat/101`, BEAT, 'metadataVersion', NO_VERSIONS),
    ...vary('POST', `${METADATA}/heartbeat/101`, BEAT, 'brokerEpoch', [-1, 1.5, '1', null, 2 ** 53]),
    ...vary('POST', `${METADATA}/heartbeat/101`, BEAT, 'brokerId', [102, '101']),
    ...vary('POST', `${METADATA}/heartbeat/101`, BEAT, 'wantShutdown', [1, 'true', null]),
    ...without('POST', `${METADATA}/heartbeat/101`, BEAT),
    ['POST', `${METADATA}/heartbeat/101`, BEAT],
    ...vary('POST', `${RAFT}/vote`, VOTE, 'term', [...NO_VERSIONS, 2 ** 52 + 1]),
    ...vary('POST', `${RAFT}/vote`, VOTE, 'preVote', [1, 'true', null]),
    ...vary('POST', `${RAFT}/vote`, VOTE, 'clusterId', [1, '', 'x'.repeat(65)]),
    ...without('POST', `${RAFT}/vote`, VOTE),
    ...vary('POST', `${RAFT}/append`, APPEND, 'entries', [
      1,
      null,
      {},
      [1],
      [{}],
      [{ index: 1, term: 1, commandType: '', commandData: '' }],
      [{ index: 1, term: 1, commandType: 'x', commandData: {} }],
    ]),
    ...without('POST', `${RAFT}/append`, APPEND),
  ] as Case[]
}

refused('a missing, wrong, unknown or out-of-range field is 400', async () => {
  for (const [method, path, body] of wrongBodies())
    assertError(await send(metadata, method, path, JSON.stringify(body)), 'INVALID_REQUEST')
})

refused('what the rules of the metadata forbid is refused at the door', async () => {
  const topics = `${METADATA}/topics`
  const names = [
    '.',
    '..',
    'a b',
    'a/b',
    'é',
    'x'.repeat(250),
    'a\u0000',
    'a\n',
    '\ud83d\ude00',
    '../../etc',
    '%2e',
  ]
  for (const topicName of names)
    assertError(
      await send(metadata, 'POST', topics, JSON.stringify({ ...TOPIC, topicName })),
      'INVALID_TOPIC',
    )
  const configs: object[] = [
    { nothing: '1' },
    { 'retention.ms': 'x' },
    { 'retention.ms': -2 },
    { 'retention.ms': 1e21 },
    { 'cleanup.policy': '' },
    { '': '' },
    { toString: '1' },
    { constructor: '1' },
  ]
  for (const config of configs) {
    assertError(await send(metadata, 'POST', topics, JSON.stringify({ ...TOPIC, config })), 'INVALID_CONFIG')
    assertError(await send(metadata, 'PATCH', `${topics}/kept`, JSON.stringify({ config })), 'INVALID_CONFIG')
  }
  const more = { numPartitions: 1_000_000 }
  assertError(
    await send(metadata, 'POST', `${topics}/kept/partitions`, JSON.stringify(more)),
    'INVALID_PARTITIONS',
  )
})

refused('nothing unknown comes in inside of maps and lists, however deep or oddly named', async () => {
  const listener = (extra: string) => `{"name":"a","host":"h","port":1,"extra":${extra}}`
  const inside: [string, string][] = [
    ['/brokers', `{"brokerId":7,"host":"h","port":1,"resources":{"a\\nb":{"c":1}}}`],
    ['/brokers', `{"brokerId":7,"host":"h","port":1,"resources":{"a\\u2028b":"text"}}`],
    ['/brokers', `{"brokerId":7,"host":"h","port":1,"resources":{"a\\nb":1}}`],
    ['/brokers', `{"brokerId":7,"host":"h","port":1,"resources":{"${'k'.repeat(101)}":1}}`],
    ['/brokers', `{"brokerId":7,"host":"h","port":1,"resources":{"a":1e999}}`],
    ['/brokers', `{"brokerId":7,"host":"h","port":1,"listeners":[${listener('1')}]}`],
    ['/brokers', `{"brokerId":7,"host":"h","port":1,"listeners":[${listener(DEEP_OBJECT)}]}`],
    ['/brokers', `{"brokerId":7,"host":"h","port":1,"resources":{"a":${DEEP_ARRAY}}}`],
    ['/topics', `{"topicName":"never","numPartitions":1,"replicationFactor":1,"config":{"a\\nb":{}}}`],
    [
      '/topics',
      `{"topicName":"never","numPartitions":1,"replicationFactor":1,"config":{"a":${DEEP_OBJECT}}}`,
    ],
    ['/topics', `{"topicName":"never","assignments":[[${DEEP_ARRAY}]]}`],
  ]
  for (const [path, body] of inside)
    assertError(await send(metadata, 'POST', `${METADATA}${path}`, body), 'INVALID_REQUEST')
  const many = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`r${i}`, i]))
  const crowded = JSON.stringify({ ...BROKER, resources: many })
  assertError(await send(metadata, 'POST', `${METADATA}/brokers`, crowded), 'INVALID_REQUEST')
})

refused('what nodes send may have unknown fields, even absurd ones', async () => {
  const { brokerEpoch } = (await ask('GET', `${storage.url}${STORAGE}/status`)).body
  const known = `"brokerId":101,"timestamp":0,"metadataVersion":0,"brokerEpoch":${brokerEpoch}`
  for (const extra of ['1', DEEP_OBJECT, DEEP_ARRAY]) {
    const beat = await send(metadata, 'POST', `${METADATA}/heartbeat/101`, `{${known},"later":${extra}}`)
    assert.deepEqual([beat.status, beat.body.brokerStatus], [200, 'ONLINE'])
  }
})

refused('a body over 1 MiB is 413, with and without a declared length', async () => {
  const large = `{"topicName":"${'x'.repeat(MIB)}"}`
  for (const [node, method, path] of writes())
    assertError(await send(node, method, path, large), 'BODY_TOO_LARGE')
  const chunk = `${(64 * 1024).toString(16)}\r\n${'x'.repeat(64 * 1024)}\r\n`
  const headers = { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' }
  const { answers } = await exchange(
    metadata,
    requestText('POST', `${METADATA}/topics`, headers, chunk.repeat(17)),
  )
  assertError(answers[0]!, 'BODY_TOO_LARGE')
  // Nothing of a body has to arrive for that.
  const declared = { 'Content-Type': 'application/json', 'Content-Length': 10 ** 12 }
  const early = await exchange(metadata, requestText('POST', `${METADATA}/topics`, declared))
  assertError(early.answers[0]!, 'BODY_TOO_LARGE')
  const fits = `${'{"unknown":"'}${'x'.repeat(MIB - 14)}"}`
  assert.equal(fits.length, MIB)
  assertError(await send(metadata, 'POST', `${METADATA}/topics`, fits), 'INVALID_REQUEST')
})

refused('a body that does not say that it is JSON is 415', async () => {
  const types = [
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    'json',
    '*/*',
    ';;;',
  ]
  for (const [node, method, path] of writes()) {
    for (const type of types)
      assertError(
        await send(node, method, path, JSON.stringify(TOPIC), { 'content-type': type }),
        'UNSUPPORTED_MEDIA_TYPE',
      )
    const untyped = requestText(method, path, { 'Content-Length': 2 }, '{}')
    assertError((await exchange(node, untyped)).answers[0]!, 'UNSUPPORTED_MEDIA_TYPE')
  }
  const gzip = { 'content-encoding': 'gzip' }
  const zipped = await send(
    metadata,
    'POST',
    `${METADATA}/topics`,
    Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]),
    gzip,
  )
  assertError(zipped, 'INVALID_REQUEST')
})

refused('names of prototypes poison nothing', async () => {
  const poisons = [
    '{"__proto__":{"validateOnly":true},"topicName":"never","numPartitions":1,"replicationFactor":1}',
    '{"constructor":{"prototype":{"polluted":1}},"topicName":"never","numPartitions":1,"replicationFactor":1}',
    '{"topicName":"never","numPartitions":1,"replicationFactor":1,"config":{"__proto__":"1"}}',
    '{"topicName":"never","numPartitions":1,"replicationFactor":1,"__proto__":1}',
    '{"\\u005f_proto__":{"topicName":"never"}}',
  ]
  for (const [node, method, path] of writes())
    for (const body of poisons) assertError(await send(node, method, path, body), 'INVALID_REQUEST')
  for (const query of [
    '__proto__=1',
    '__proto__[limit]=1',
    'constructor=1',
    'limit[__proto__]=1',
    'hasOwnProperty=1',
  ])
    assertError(await send(metadata, 'GET', `${METADATA}/topics?${query}`), 'INVALID_REQUEST')
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty'])
    assertError(await send(metadata, 'GET', `${METADATA}/topics/${name}`), 'UNKNOWN_TOPIC')
})

/** Clients tidy paths up before they send them; here they go out as they are. */
async function readRaw(path: string): Promise<RawAnswer> {
  return (await exchange(metadata, requestText('GET', path))).answers[0]!
}

refused('odd encodings in a path name nothing that exists', async () => {
  const names = [
    '%00',
    'a%2Fb',
    '..',
    '..%2f..%2fetc',
    '%2e%2e',
    '%252e',
    'kept%00',
    'kept%20',
    '%20kept',
    'kept+',
    'KEPT',
    'kept%0d%0aX:y',
    'k%65pt%2F',
    '%C3%A9',
    '%F0%9F%98%80',
    '%E2%80%AEtpek',
    'x'.repeat(1_000),
  ]
  for (const name of names) {
    for (const suffix of ['', '/partitions/0', '/partitions/0/leader'])
      assertError(await readRaw(`${METADATA}/topics/${name}${suffix}`), 'UNKNOWN_TOPIC')
  }
  const broken = [
    '%',
    '%z',
    '%zz',
    '%c0%af',
    '%ff',
    '%u0041',
    '%E0%80%80',
    '%ED%A0%80',
    'x'.repeat(1_001),
    '',
  ]
  for (const name of broken) {
    const answer = await readRaw(`${METADATA}/topics/${name}`)
    assertError(answer, 'INVALID_REQUEST')
    assert.ok(Number(answer.headers.get('x-metadata-version')) > 0, name)
  }
  const ids = [
    '-1',
    '1.5',
    'x',
    '',
    '0x65',
    '1e2',
    '%20101',
    '+101',
    '2147483648',
    '99999999999999999999',
    '1e999',
    'NaN',
    'null',
    'Infinity',
    '%00',
    '1%2F2',
    '%D9%A1',
  ]
  for (const id of ids) {
    for (const path of [`/brokers/${id}`, `/topics/kept/partitions/${id}`])
      assertError(await readRaw(METADATA + path), 'INVALID_REQUEST')
  }
  // Decoded, it is the name: that is what encoding is for.
  assert.equal((await readRaw(`${METADATA}/topics/k%65pt`)).status, 200)
})

refused('queries are checked like bodies', async () => {
  const queries = [
    'limit=0',
    'limit=-1',
    'limit=x',
    'limit=',
    'limit=10001',
    'limit=1&limit=2',
    'minVersion=-1',
    'minVersion=1e400',
    'limit=1e400',
    'timeoutMs=1e400',
    'limit=0x10',
    'limit=1e1',
    'timeoutMs=0',
    'timeoutMs=60001',
    'nothing=1',
    `after=${'x'.repeat(250)}`,
    'after=a&after=b',
    '%zz=1',
    '&&=',
  ]
  for (const query of queries)
    assertError(await send(metadata, 'GET', `${METADATA}/topics?${query}`), 'INVALID_REQUEST')
  for (const query of [
    'force=1',
    'force=',
    'force=yes',
    'force=true&force=true',
    'timeoutMs=x',
    'minVersion=1',
  ])
    assertError(await send(metadata, 'DELETE', `${METADATA}/brokers/101?${query}`), 'INVALID_REQUEST')
})

refused('other methods, other paths and other versions of HTTP find nothing', async () => {
  const paths = [
    '/',
    '/api',
    '/api/v1',
    '/api/v2/metadata/topics',
    `${METADATA}`,
    `${METADATA}/nothing`,
    `${METADATA}/topics/kept/`,
    `/${METADATA}/topics`,
    '/health',
    '/docs/',
    '/openapi.json/x',
    '/%2e%2e/etc/passwd',
    '/api/v1/metadata//topics',
    '/API/V1/METADATA/TOPICS',
    STREAM_PATH,
  ]
  for (const node of cluster.all)
    for (const path of paths) assertError(await send(node, 'GET', path), 'NOT_FOUND')
  const methods = ['PUT', 'OPTIONS', 'TRACE', 'PROPFIND', 'LOCK', 'MKCOL', 'SEARCH', 'PURGE']
  for (const method of methods) {
    const { answers } = await exchange(
      metadata,
      requestText(method, `${METADATA}/topics`, { 'Content-Length': 0 }),
    )
    assertError(answers[0]!, 'NOT_FOUND')
  }
  for (const path of [
    `${METADATA}/controller`,
    `${METADATA}/cluster`,
    '/health/live',
    '/openapi.json',
    `${RAFT}/status`,
  ])
    assertError(await send(metadata, 'DELETE', path), 'NOT_FOUND')
  assertError((await exchange(metadata, requestText('OPTIONS', '*'))).answers[0]!, 'NOT_FOUND')
  assert.deepEqual((await exchange(metadata, requestText('CONNECT', 'elsewhere:80'))).answers, [])
})

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

refused('a storage node believes nobody without a proof, and no nonsense with one', async () => {
  const { clusterId, controller } = await stateOf(storage)
  const { term } = controller as { term: number }
  const update = {
    updateType: 'DELTA',
    clusterId,
    recoveryEpoch: 0,
    fromVersion: 0,
    version: 10 ** 6,
    timestamp: 0,
    controllerTerm: term,
    controllerId: 1,
    controllerUrl: metadata.url,
  }
  const path = `${STORAGE}/metadata`
  const snapshot = { version: 10 ** 6, stateHash: 'x', timestamp: 0, brokers: [], topics: [] }
  assertError(await send(storage, 'POST', path, JSON.stringify(update)), 'UNAUTHENTICATED')
  const commands = [
    { commandType: 'DeleteTopicCommand', commandData: 'no JSON' },
    { commandType: 'DeleteTopicCommand', commandData: '{"topicName":"kept"}' },
    { commandType: 'DropEverythingCommand', commandData: '{"time":1}' },
  ]
  for (const command of commands) {
    const body = { ...update, commands: [{ version: 10 ** 6, ...command }] }
    assertError(await sendProved(storage, 'POST', path, body), 'INVALID_REQUEST')
  }
  for (const wrong of [
    snapshot,
    null,
    1,
    'x',
    [],
    {},
    { ...snapshot, brokers: 1 },
    { ...snapshot, topics: [{}] },
  ]) {
    const body = { ...update, updateType: 'FULL_SNAPSHOT', snapshot: wrong }
    assertError(await sendProved(storage, 'POST', path, body), 'INVALID_REQUEST')
  }
  const foreign = { ...update, clusterId: 'another' }
  assertError(await sendProved(storage, 'POST', path, foreign), 'CLUSTER_ID_MISMATCH')
})
