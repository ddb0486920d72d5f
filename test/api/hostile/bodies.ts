import assert from 'node:assert/strict'
import type { ErrorCode } from '../../../src/base/errors.ts'
import { ask, type NodeProcess } from '../../cluster/processes.ts'
import { assertError, METADATA, RAFT, STORAGE, send } from '../contract.ts'
import { exchange, requestText } from '../raw-http.ts'
import { BROKER, MIB, metadata, refused, storage, TOPIC } from './shared-cluster.ts'

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

/** What has a code of its own when it is too small or too large. */
const RANGES: Readonly<Record<string, ErrorCode>> = {
  numPartitions: 'INVALID_PARTITIONS',
  replicationFactor: 'INVALID_REPLICATION_FACTOR',
}

refused('a missing, wrong, unknown or out-of-range field is 400', async () => {
  for (const [method, path, body] of wrongBodies()) {
    const answer = await send(metadata, method, path, JSON.stringify(body))
    const field = RANGES[answer.body.error.details?.field] ?? 'INVALID_REQUEST'
    const isOfRange = /: must be [<>]= /.test(answer.body.error.message)
    assertError(answer, isOfRange ? field : 'INVALID_REQUEST')
  }
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
