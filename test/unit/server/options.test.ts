import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { FatalError } from '../../../src/base/errors.ts'
import { OPTIONS, type OptionName, type OptionSpec, readOptions } from '../../../src/server/options.ts'

const home = mkdtempSync(join(tmpdir(), 'dmq-options-'))
after(() => rmSync(home, { recursive: true }))

type Sources = { flags?: Record<string, string>; env?: Record<string, string>; yaml?: string }

function read({ flags = {}, env = {}, yaml }: Sources) {
  const file = yaml === undefined ? null : join(home, 'dmq.yaml')
  if (file !== null) writeFileSync(file, yaml!)
  return readOptions({ flags, env, file })
}

/** One line, which names where the value came from. */
function assertMistake(sources: Sources, expected: RegExp): void {
  assert.throws(
    () => read(sources),
    (error: unknown) => {
      assert.ok(error instanceof FatalError, `not told as a mistake: ${error}`)
      assert.doesNotMatch(error.message, /\n/, 'more than one line')
      assert.match(error.message, expected)
      return true
    },
  )
}

const all = Object.entries(OPTIONS) as [OptionName, OptionSpec][]

/** Values that are legal for an option, different from each other and from the default. */
function valuesOf({ type, min = 0 }: OptionSpec): string[] {
  if (type === 'integer') return [min, min + 1, min + 2].map(String)
  return type === 'text' ? ['a', 'b', 'c'] : [...type.oneOf, ...type.oneOf, ...type.oneOf].slice(0, 3)
}

/** `a.b: 1` as YAML; quoted, since a file may hold numbers as text. */
const yamlOf = (key: string, value: string): string =>
  `${key
    .split('.')
    .map((part, i) => `${'  '.repeat(i)}${part}:`)
    .join('\n')} "${value}"`

for (const [name, spec] of all) {
  test(`${spec.key} comes from the flag, else the environment, else the file, else the default`, () => {
    const [flag, env, file] = valuesOf(spec) as [string, string, string]
    const typed = (value: string) => (spec.type === 'integer' ? Number(value) : value)
    const sources = { flags: { [spec.flag]: flag }, env: { [spec.env]: env }, yaml: yamlOf(spec.key, file) }
    assert.equal(read(sources).options[name], typed(flag))
    assert.equal(read({ ...sources, flags: {} }).options[name], typed(env))
    assert.equal(read({ ...sources, flags: {}, env: { [spec.env]: '' } }).options[name], typed(file))
    assert.equal(read({}).options[name], spec.default ?? null)
  })
}

test('the variables of the contract have the names of the contract', () => {
  const names: Partial<Record<OptionName, string>> = {
    services: 'DMQ_SERVICES',
    nodeId: 'KRAFT_NODE_ID',
    port: 'SERVER_PORT',
    electionTimeoutMs: 'KRAFT_RAFT_ELECTION_TIMEOUT_MS',
    raftHeartbeatMs: 'KRAFT_RAFT_HEARTBEAT_INTERVAL_MS',
    datasourceUrl: 'SPRING_DATASOURCE_URL',
    datasourceUsername: 'SPRING_DATASOURCE_USERNAME',
    datasourcePassword: 'SPRING_DATASOURCE_PASSWORD',
  }
  for (const [name, env] of Object.entries(names)) assert.equal(OPTIONS[name as OptionName].env, env)
  const keys = [
    'kraft.node-id',
    'server.port',
    'kraft.raft.election-timeout-ms',
    'kraft.raft.election-timeout-jitter-ms',
    'kraft.raft.heartbeat-interval-ms',
    'kraft.cluster-size',
    'data.dir',
    'log.store',
    'mirror',
  ]
  const known = all.map(([, { key }]) => key)
  assert.deepEqual(
    keys.filter(key => !known.includes(key)),
    [],
  )
})

test('no two options share a key, a flag or a variable', () => {
  for (const field of ['key', 'flag', 'env'] as const)
    assert.equal(new Set(all.map(([, spec]) => spec[field])).size, all.length)
})

test('a file holds numbers and nested or dotted keys', () => {
  const yaml =
    'kraft:\n  node-id: 3\n  raft.election-timeout-ms: 700\nserver.port: 8080\nlog: {level: warn}\n'
  const { options } = read({ yaml })
  assert.deepEqual(
    [options.nodeId, options.electionTimeoutMs, options.port, options.logLevel],
    [3, 700, 8080, 'warn'],
  )
  assert.equal(read({ yaml: '' }).options.electionTimeoutMs, 750)
  assert.equal(read({ yaml: '# nothing\n' }).options.nodeId, null)
})

test('a value that is not legal is named with its source', () => {
  for (const [, spec] of all) {
    if (spec.type === 'text') continue
    const wrong =
      spec.type === 'integer'
        ? ['x', '1.5', '1e3', '0x10', '-1', '99999999999999999999', ' ']
        : ['nothing', 'INFO']
    for (const value of wrong) {
      assertMistake({ flags: { [spec.flag]: value } }, new RegExp(`^--${spec.flag}: expected .*got "`))
      assertMistake({ env: { [spec.env]: value } }, new RegExp(`^environment variable ${spec.env}: expected`))
      assertMistake({ yaml: yamlOf(spec.key, value) }, new RegExp(`dmq\\.yaml: ${spec.key}: expected`))
    }
  }
})

test('a bound is part of what is legal', () => {
  for (const [name, spec] of all) {
    if (spec.type !== 'integer') continue
    const { min = 0, max = Number.MAX_SAFE_INTEGER } = spec
    for (const value of [min, max])
      assert.equal(read({ flags: { [spec.flag]: String(value) } }).options[name], value)
    for (const value of [min - 1, max + 1])
      assertMistake({ flags: { [spec.flag]: String(value) } }, new RegExp(`from ${min} to ${max}`))
  }
})

test('a value of the wrong kind in a file is named with its key', () => {
  assertMistake(
    { yaml: 'kraft: {node-id: [1]}' },
    /dmq\.yaml: kraft\.node-id: expected a whole number.*got \[1\]/,
  )
  assertMistake({ yaml: 'kraft: {node-id: true}' }, /kraft\.node-id: expected a whole number/)
  assertMistake({ yaml: 'kraft: {node-id: 1.5}' }, /kraft\.node-id: expected a whole number/)
  assertMistake({ yaml: 'kraft: {node-id: .inf}' }, /kraft\.node-id: expected a whole number/)
  assertMistake({ yaml: 'data: {dir: 5}' }, /data\.dir: expected a text, got 5/)
  assertMistake({ yaml: 'data: {dir: }' }, /data\.dir: expected a text, got null/)
  assertMistake({ yaml: 'log: {level: [info]}' }, /log\.level: expected a text, got/)
  assertMistake({ flags: { 'data-dir': '' } }, /--data-dir: expected a text/)
})

test('a secret of the wrong kind is not repeated', () => {
  for (const key of ['cluster.key', 'spring.datasource.password']) {
    const file = { yaml: `${key}: 123456` }
    assertMistake(file, new RegExp(`${key.replaceAll('.', '\\.')}: expected a text, got a number; quote it$`))
    assert.throws(
      () => read(file),
      ({ message }: Error) => !message.includes('123456'),
    )
  }
})

test('a key that nobody reads is a mistake; keys of Spring are named in a warning', () => {
  assertMistake(
    { yaml: 'kraft: {node-di: 1}' },
    /dmq\.yaml: unknown key kraft\.node-di; known are services, kraft\.node-id/,
  )
  assertMistake({ yaml: 'services: {a: 1}' }, /unknown key services\.a/)
  assertMistake({ yaml: 'toString: 1' }, /unknown key toString/)
  assertMistake({ yaml: '- a\n- b' }, /expected keys with values, got \["a","b"\]/)
  const { warnings } = read({
    yaml: 'spring:\n  application: {name: x}\n  profiles: {active: y}\nserver: {port: 1}',
  })
  assert.equal(warnings.length, 2)
  assert.match(warnings[0]!, /dmq\.yaml: spring\.application\.name has no effect/)
})

test('the data source of Spring is an option: the other keys of Spring are not', () => {
  const yaml =
    'spring:\n  datasource: {url: "jdbc:postgresql://db/dmq", username: me, password: secret, driver-class-name: x}\n'
  const { options, warnings } = read({ yaml })
  assert.deepEqual(
    [options.datasourceUrl, options.datasourceUsername, options.datasourcePassword],
    ['jdbc:postgresql://db/dmq', 'me', 'secret'],
  )
  assert.equal(warnings.length, 1)
  assert.match(warnings[0]!, /spring\.datasource\.driver-class-name has no effect/)
})

test('a file that is missing or no YAML is told in one line', () => {
  for (const yaml of ['a: [1', 'a: 1\na: 2', '\ta: 1', 'a: "x\nb: 1'])
    assertMistake({ yaml }, /dmq\.yaml: cannot be read as YAML/)
  const missing = join(home, 'missing.yaml')
  assert.throws(
    () => readOptions({ flags: {}, env: {}, file: missing }),
    /missing\.yaml: cannot be read as YAML \(ENOENT/,
  )
})

test('a file that contains itself is told in one line', () => {
  assertMistake({ yaml: 'a: &x\n  b: *x' }, /dmq\.yaml: unknown key a/)
})

test('a file that is just a text is told as that', () => {
  assertMistake({ yaml: 'hello' }, /dmq\.yaml: .*(keys|mapping|object)/)
})

test('a pause between heartbeats that is as long as the session is a mistake, where both are given', () => {
  const given = (heartbeat: string, session: string): Sources => ({
    env: { BROKER_HEARTBEAT_INTERVAL_MS: heartbeat },
    yaml: `broker.session-timeout-ms: ${session}`,
  })
  assertMistake(
    given('6000', '6000'),
    /broker\.heartbeat-interval-ms is 6000 ms and broker\.session-timeout-ms 6000 ms: .*--heartbeat-interval-ms/,
  )
  assert.equal(read(given('5999', '6000')).options.heartbeatMs, 5_999)
  // The metadata nodes may have been given a longer session.
  assert.equal(read({ flags: { 'heartbeat-interval-ms': '6000' } }).options.heartbeatMs, 6_000)
})
