import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { FatalError } from '../../../src/base/errors.ts'
import { parseServices, readServices } from '../../../src/server/services.ts'

const home = mkdtempSync(join(tmpdir(), 'dmq-services-'))
after(() => rmSync(home, { recursive: true }))

/** One line that says where the mistake is. */
function assertMistake(action: () => unknown, expected: RegExp): void {
  assert.throws(action, (error: unknown) => {
    assert.ok(error instanceof FatalError, `not told as a mistake: ${error}`)
    assert.doesNotMatch(error.message, /\n/, 'more than one line')
    assert.ok(error.message.startsWith('services.json:') || error.message.startsWith(home), error.message)
    assert.match(error.message, expected)
    return true
  })
}

const node = (id: number, port: number, more: object = {}) => ({ id, host: 'localhost', port, ...more })

test('the shape with "services" is read', () => {
  const json = {
    services: {
      'metadata-services': [{ id: 1, host: 'localhost', port: 9091, url: 'http://localhost:9091' }],
      'storage-services': [
        {
          id: 101,
          host: 'localhost',
          port: 8081,
          url: 'http://localhost:8081',
          rack: 'a',
          pairedMetadataServiceId: 1,
        },
      ],
    },
    controller: { electionTimeoutMs: 1000 },
  }
  assert.deepEqual(parseServices(json, 'services.json'), {
    metadata: [
      { id: 1, host: 'localhost', port: 9091, url: 'http://localhost:9091', rack: null, pairedId: null },
    ],
    storage: [
      { id: 101, host: 'localhost', port: 8081, url: 'http://localhost:8081', rack: 'a', pairedId: 1 },
    ],
    electionTimeoutMs: 1000,
  })
})

test('the flat shape is read, where kinds have ids of their own', () => {
  const json = {
    metadataServices: [{ id: 0, url: 'http://localhost:8080', pairedStorageServiceId: 0 }],
    storageServices: [{ id: 0, url: 'http://localhost:8081', pairedMetadataServiceId: 0 }],
  }
  assert.deepEqual(parseServices(json, 'services.json'), {
    metadata: [
      { id: 0, host: 'localhost', port: 8080, url: 'http://localhost:8080', rack: null, pairedId: 0 },
    ],
    storage: [
      { id: 0, host: 'localhost', port: 8081, url: 'http://localhost:8081', rack: null, pairedId: 0 },
    ],
    electionTimeoutMs: null,
  })
})

test('an address is given by url, by host and port, or by both', () => {
  const ways: [object, string][] = [
    [{ id: 1, host: 'h', port: 1 }, 'http://h:1'],
    [{ id: 1, url: 'http://h:1' }, 'http://h:1'],
    [{ id: 1, url: 'http://h:1/' }, 'http://h:1'],
    [{ id: 1, url: 'http://h' }, 'http://h:80'],
    [{ id: 1, url: 'http://h:1', port: 1 }, 'http://h:1'],
    [{ id: 1, url: 'http://[::1]:1' }, 'http://[::1]:1'],
    [{ id: 1, host: '::1', port: 1 }, 'http://[::1]:1'],
    [{ id: 1, host: '::1', port: 1, url: 'http://[::1]:1' }, 'http://[::1]:1'],
  ]
  for (const [service, url] of ways)
    assert.equal(parseServices({ metadataServices: [service] }, 'services.json').metadata[0]!.url, url)
})

test('storage nodes may be left out', () => {
  assert.deepEqual(parseServices({ metadataServices: [node(1, 1)] }, 'services.json').storage, [])
  const nested = { services: { 'metadata-services': [node(1, 1)] }, controller: {} }
  assert.deepEqual(parseServices(nested, 'services.json').storage, [])
})

const one = [node(1, 1)]
const MISTAKES: readonly (readonly [string, unknown, RegExp])[] = [
  ['no object', [], /expected an object, got \[\]/],
  ['nothing', null, /expected an object, got null/],
  ['an empty object', {}, /metadataServices: expected a list/],
  ['services that are no object', { services: [] }, /services: expected an object/],
  ['no metadata nodes', { metadataServices: [] }, /metadataServices is empty/],
  [
    'no list of metadata nodes',
    { services: { 'storage-services': [] } },
    /metadata-services: expected a list/,
  ],
  ['a list that is none', { metadataServices: { id: 1 } }, /metadataServices: expected a list/],
  ['an unknown key', { metadataServices: one, more: 1 }, /unknown key "more"; expected metadataServices/],
  [
    'an unknown key beside services',
    { services: { 'metadata-services': one }, more: 1 },
    /unknown key "more"/,
  ],
  ['an unknown key in services', { services: { 'metadata-services': one, more: 1 } }, /unknown key "more"/],
  ['keys of the other shape', { services: { metadataServices: one } }, /unknown key "metadataServices"/],
  [
    'both shapes',
    { services: { 'metadata-services': one }, metadataServices: one },
    /unknown key "metadataServices"/,
  ],
  ['a service that is no object', { metadataServices: [1] }, /metadataServices\[0\]: expected an object/],
  [
    'an unknown key of a service',
    { metadataServices: [node(1, 1, { zone: 'a' })] },
    /\[0\]: unknown key "zone"/,
  ],
  [
    'the pair of the wrong kind',
    { metadataServices: [node(1, 1, { pairedMetadataServiceId: 1 })] },
    /unknown key "pairedMetadataServiceId"/,
  ],
  ['no id', { metadataServices: [{ host: 'h', port: 1 }] }, /\[0\]\.id: expected a whole number/],
  ['an id that is text', { metadataServices: [{ id: '1', host: 'h', port: 1 }] }, /\.id: .* got "1"/],
  ['a negative id', { metadataServices: [node(-1, 1)] }, /\.id: .* got -1/],
  ['an id too large', { metadataServices: [node(2 ** 31, 1)] }, /\.id: .* to 2147483647/],
  ['half an id', { metadataServices: [node(1.5, 1)] }, /\.id: .* got 1\.5/],
  ['an id twice', { metadataServices: [node(1, 1), node(1, 2)] }, /metadataServices: id 1 is there twice/],
  [
    'an id twice in storage',
    { metadataServices: one, storageServices: [node(1, 2), node(1, 3)] },
    /storageServices: id 1 is there twice/,
  ],
  ['no address', { metadataServices: [{ id: 1 }] }, /\[0\]: expected url, or host and port/],
  ['no port', { metadataServices: [{ id: 1, host: 'h' }] }, /expected url, or host and port/],
  ['no host', { metadataServices: [{ id: 1, port: 1 }] }, /expected url, or host and port/],
  [
    'a port that is text',
    { metadataServices: [{ id: 1, host: 'h', port: '1' }] },
    /\.port: expected a whole number from 1 to 65535, got "1"/,
  ],
  ['port 0', { metadataServices: [node(1, 0)] }, /\.port: expected/],
  ['port 65536', { metadataServices: [node(1, 65_536)] }, /\.port: expected/],
  ['an empty host', { metadataServices: [{ id: 1, host: '', port: 1 }] }, /\.host: expected a text/],
  ['an empty rack', { metadataServices: [node(1, 1, { rack: '' })] }, /\.rack: expected a text/],
  [
    'a url that is none',
    { metadataServices: [{ id: 1, url: 'localhost:1' }] },
    /"localhost:1" is not of the form http:\/\/host:port/,
  ],
  ['a url of another protocol', { metadataServices: [{ id: 1, url: 'https://h:1' }] }, /is not of the form/],
  ['a url with a path', { metadataServices: [{ id: 1, url: 'http://h:1/api' }] }, /is not of the form/],
  [
    'a url that says another port',
    { metadataServices: [{ id: 1, url: 'http://h:1', port: 2 }] },
    /url says h:1, host and port say h:2/,
  ],
  [
    'a url that says another host',
    { metadataServices: [{ id: 1, url: 'http://h:1', host: 'g' }] },
    /url says h:1, host and port say g:1/,
  ],
  [
    'an address twice',
    { metadataServices: [node(1, 1), node(2, 1)] },
    /services 1 and 2 have the same address http:\/\/localhost:1/,
  ],
  [
    'an address twice across kinds',
    { metadataServices: one, storageServices: [node(5, 1)] },
    /services 1 and 5 have the same address/,
  ],
  [
    'a pair that is not there',
    { metadataServices: one, storageServices: [node(5, 2, { pairedMetadataServiceId: 9 })] },
    /storageServices: service 5 is paired with 9, which metadataServices does not have/,
  ],
  [
    'a pair that is not there, the other way',
    { metadataServices: [node(1, 1, { pairedStorageServiceId: 9 })] },
    /service 1 is paired with 9, which storageServices/,
  ],
  [
    'a pair that is text',
    { metadataServices: one, storageServices: [node(5, 2, { pairedMetadataServiceId: '1' })] },
    /\.pairedMetadataServiceId: expected a whole number/,
  ],
  [
    'a controller that is no object',
    { metadataServices: one, controller: 1 },
    /controller: expected an object/,
  ],
  [
    'an unknown key of the controller',
    { metadataServices: one, controller: { electionTimeout: 1 } },
    /controller: unknown key "electionTimeout"/,
  ],
  [
    'an election timeout too short',
    { metadataServices: one, controller: { electionTimeoutMs: 49 } },
    /electionTimeoutMs: expected a whole number from 50/,
  ],
]

for (const [what, json, expected] of MISTAKES) {
  test(`${what} is told in one line`, () =>
    assertMistake(() => parseServices(json, 'services.json'), expected))
}

function written(text: string): string {
  const file = join(home, 'services.json')
  writeFileSync(file, text)
  return file
}

test('a file that is missing or no JSON is told in one line, with the flag that names another', () => {
  assertMistake(() => readServices(join(home, 'missing.json')), /ENOENT.*--services or DMQ_SERVICES/)
  for (const text of ['', '{', '[1,\n2', '{\n"metadataServices":\n[],\n}'])
    assertMistake(() => readServices(written(text)), /cannot be read as JSON.*--services or DMQ_SERVICES/)
})

test('a mistake in a file of several lines is told in one', () => {
  assertMistake(() => readServices(written('{\n  "metadataServices": nothing\n}')), /cannot be read as JSON/)
})

test('what a url says besides host and port is a mistake', () => {
  for (const url of ['http://h:1?x=1', 'http://h:1#x', 'http://user:password@h:1'])
    assertMistake(
      () => parseServices({ metadataServices: [{ id: 1, url }] }, 'services.json'),
      /form http:\/\/host:port/,
    )
})

test('host and url agree when they differ in case alone', () => {
  const service = { id: 1, host: 'Node-1', port: 1, url: 'http://Node-1:1' }
  assert.equal(parseServices({ metadataServices: [service] }, 'services.json').metadata[0]!.port, 1)
})
