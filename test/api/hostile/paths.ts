import assert from 'node:assert/strict'
import { STREAM_PATH } from '../../../src/io/node-network.ts'
import { assertError, METADATA, RAFT, send } from '../contract.ts'
import { exchange, type RawAnswer, requestText } from '../raw-http.ts'
import { cluster, metadata, refused } from './shared-cluster.ts'

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
