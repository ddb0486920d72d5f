import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { ERRORS } from '../src/base/errors.ts'
import { OPTIONS, type OptionSpec } from '../src/server/options.ts'

const root = dirname(import.meta.dirname)
const files = globSync('src/**/*.ts', { cwd: root }).sort()

/** What each room may import besides itself: the table of ARCHITECTURE.md. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  io: ['base'],
  raft: ['base'],
  metadata: ['base'],
  protocol: ['base'],
  log: ['io', 'base'],
  consensus: ['raft', 'log', 'io', 'base'],
  controller: ['consensus', 'metadata', 'io', 'base'],
  broker: ['log', 'metadata', 'protocol', 'io', 'base'],
  mirror: ['metadata', 'io', 'base'],
  api: ['controller', 'broker', 'consensus', 'metadata', 'raft', 'protocol', 'io', 'base'],
  cli: ['protocol', 'io', 'base'],
  server: [
    'api',
    'cli',
    'controller',
    'broker',
    'mirror',
    'consensus',
    'metadata',
    'raft',
    'log',
    'protocol',
    'io',
    'base',
  ],
  'main.ts': ['server', 'cli', 'base'],
}

/** Value machines: no clock, no chance, nothing asynchronous, nothing of Node. */
const PURE = ['raft', 'metadata']
/** Small and harmless: checksums and path names touch nothing. */
const NODE_EVERYWHERE = ['node:zlib', 'node:path', 'node:util']

function roomOf(file: string): string {
  return file.split('/')[1]!
}

/** Types are gone at run time: where only they matter, `valuesOnly` leaves them out. */
function importsOf(file: string, valuesOnly = false): string[] {
  const source = readFileSync(join(root, file), 'utf8')
  const text = valuesOnly ? source.replaceAll(/^import type [^;]*?from '[^']+'/gms, '') : source
  return [...text.matchAll(/^(?:import|export)\b[^'"]*?from '([^']+)'|^import '([^']+)'/gms)].map(
    match => match[1] ?? match[2]!,
  )
}

test('every room imports only the rooms below it', () => {
  for (const file of files) {
    const allowed = [roomOf(file), ...(MAY_IMPORT[roomOf(file)] ?? [])]
    for (const target of importsOf(file).filter(name => name.startsWith('.'))) {
      const imported = relative(root, join(root, dirname(file), target))
      assert.ok(allowed.includes(roomOf(imported)), `${file} may not import ${imported}`)
    }
  }
})

test('the value machines are pure', () => {
  const forbidden =
    /\b(Date\.now|new Date|Math\.random|setTimeout|setImmediate|setInterval|Promise|async |await |console\.|process\.|Buffer\b)/
  for (const file of files.filter(name => PURE.includes(roomOf(name)))) {
    const foreign = importsOf(file).filter(name => !name.startsWith('.'))
    assert.deepEqual(foreign, [], `${file} imports ${foreign}`)
    const code = readFileSync(join(root, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    assert.doesNotMatch(code, forbidden, file)
  }
})

test('files, sockets and clocks are reached through io alone', () => {
  const world = /^node:(?!zlib|path|util)/
  const mayTouchTheWorld = ['io', 'server', 'cli']
  for (const file of files.filter(name => !mayTouchTheWorld.includes(roomOf(name)))) {
    const touched = importsOf(file, true).filter(name => world.test(name) && !NODE_EVERYWHERE.includes(name))
    assert.deepEqual(touched, [], `${file} imports ${touched}`)
    const code = readFileSync(join(root, file), 'utf8')
    assert.doesNotMatch(
      code,
      /\b(setTimeout|setInterval|setImmediate|Date\.now|performance\.now|Math\.random)\b/,
      file,
    )
  }
})

test('no file is so long that it must hold two ideas', () => {
  for (const file of files) {
    const lines = readFileSync(join(root, file), 'utf8').split('\n').length
    assert.ok(lines <= 430, `${file} has ${lines} lines`)
  }
})

test('names say what things are', () => {
  for (const file of files) {
    assert.match(file, /^src\/[a-z0-9/-]+\.ts$/, `${file} is not in kebab case`)
    assert.doesNotMatch(file, /(utils?|helpers?|common|manager|impl)\b/, file)
  }
})

test('docs/errors.md lists the rows of the error table', () => {
  const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')
  const listed = [...page.matchAll(/^\| `(\w+)` \| (\d+) \| (-?\d+) \| (yes|no) \| (.*) \|$/gm)].map(match =>
    match.slice(1, 6),
  )
  const rows = Object.entries(ERRORS).map(([code, { status, kafka, retriable, meaning }]) => [
    code,
    String(status),
    String(kafka),
    retriable ? 'yes' : 'no',
    meaning,
  ])
  assert.deepEqual(listed, rows)
})

test('docs/options.md lists the options', () => {
  const page = readFileSync(join(root, 'docs/options.md'), 'utf8')
  const listed = [...page.matchAll(/^\| `([\w.-]+)` \| `--([\w-]+)` \| `(\w+)` \| (.*?) \| (.*) \|$/gm)].map(
    match => match.slice(1, 6),
  )
  const rows = (Object.values(OPTIONS) as OptionSpec[]).map(({ key, flag, env, default: value, purpose }) => [
    key,
    flag,
    env,
    value === undefined ? '' : String(value),
    purpose,
  ])
  assert.deepEqual(listed, rows)
})

test('no test of a room prepares anything for all tests of its process, which are those of the whole room', () => {
  const hook = /^(before|beforeEach|afterEach)\(/m
  for (const file of globSync('test/unit/**/*.test.ts', { cwd: root }))
    assert.doesNotMatch(readFileSync(join(root, file), 'utf8'), hook, file)
})
