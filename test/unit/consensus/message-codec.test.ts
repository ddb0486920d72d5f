import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MalformedBytes } from '../../../src/base/bytes.ts'
import {
  decodeEntry,
  decodeHardState,
  encodeEntry,
  encodeHardState,
} from '../../../src/consensus/entry-codec.ts'
import { decodeEnvelope, encodeEnvelope } from '../../../src/consensus/message-codec.ts'
import { type Entry, type EntryId, FOUND_CLUSTER, type HardState } from '../../../src/raft/entry.ts'
import type { Envelope, Message } from '../../../src/raft/message.ts'
import { encodeFounding } from '../../../src/raft/voters.ts'

/** Replay a run, or make a longer one: SEED=17 RUNS=100000 node --test test/unit/consensus/message-codec.test.ts */
const run = { seed: Number(process.env.SEED ?? 1), numRuns: Number(process.env.RUNS ?? 1_000) }

const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as unknown as fc.Arbitrary<T>

const number = fc.oneof(
  fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
)
const small = fc.oneof(fc.constantFrom(0, 2 ** 31 - 1, 2 ** 32 - 1), fc.nat())
const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.uuid())
const id: fc.Arbitrary<EntryId> = record({ index: number, term: number })
const ids = fc.array(small, { maxLength: 9 })
const data = fc
  .oneof(fc.uint8Array({ maxLength: 50 }), fc.constant(new Uint8Array(70_000)))
  .map(bytes => Buffer.from(bytes))
const boolean = fc.boolean()

/** Entries follow `prev` without a gap, and no term is later than the message's. */
const append = record({
  term: fc.integer({ min: 1, max: 2 ** 40 }),
  session: number,
  commit: number,
  prevIndex: fc.nat(2 ** 40),
  bodies: fc.array(record({ behind: fc.nat(3), type: text, data }), { maxLength: 6 }),
}).map(({ term, session, commit, prevIndex, bodies }): Message => {
  const terms = bodies.map(({ behind }) => Math.max(1, term - behind)).sort((a, b) => a - b)
  const entries = bodies.map(
    ({ type, data }, i): Entry => ({ index: prevIndex + 1 + i, term: terms[i]!, type, data }),
  )
  const prev = { index: prevIndex, term: prevIndex === 0 ? 0 : (terms[0] ?? term) }
  return { type: 'append', term, session, prev, entries, commit }
})

const snapshotId = record({ index: number, term: number, bytes: number, checksum: fc.nat() })

const MESSAGES: { readonly [Type in Message['type']]: fc.Arbitrary<Message> } = {
  voteRequest: record({
    type: fc.constant('voteRequest' as const),
    term: number,
    preVote: boolean,
    last: id,
    transfer: boolean,
  }),
  voteReply: record({
    type: fc.constant('voteReply' as const),
    term: number,
    preVote: boolean,
    granted: boolean,
  }),
  append,
  appendReply: fc.oneof(
    record({
      type: fc.constant('appendReply' as const),
      term: number,
      session: number,
      success: fc.constant(true as const),
      matched: number,
    }),
    record({
      type: fc.constant('appendReply' as const),
      term: number,
      session: number,
      success: fc.constant(false as const),
      rejected: number,
      hint: id,
    }),
  ),
  heartbeat: record({
    type: fc.constant('heartbeat' as const),
    term: number,
    session: number,
    commit: number,
    round: number,
    successors: ids,
  }),
  heartbeatReply: record({
    type: fc.constant('heartbeatReply' as const),
    term: number,
    session: number,
    round: number,
  }),
  timeoutNow: record({ type: fc.constant('timeoutNow' as const), term: number }),
  readIndexRequest: record({ type: fc.constant('readIndexRequest' as const), term: number, token: number }),
  readIndexReply: record({
    type: fc.constant('readIndexReply' as const),
    term: number,
    token: number,
    index: fc.option(fc.nat()) as fc.Arbitrary<number | null>,
  }),
  installSnapshot: record({
    type: fc.constant('installSnapshot' as const),
    term: number,
    session: number,
    snapshot: snapshotId,
    offset: number,
    data: fc.uint8Array().map(bytes => Buffer.from(bytes)),
  }),
  snapshotReply: record({
    type: fc.constant('snapshotReply' as const),
    term: number,
    session: number,
    snapshot: snapshotId,
    offset: number,
  }),
  commitNotice: record({
    type: fc.constant('commitNotice' as const),
    term: number,
    session: number,
    commit: number,
  }),
  foundingProbe: record({ type: fc.constant('foundingProbe' as const), voters: ids }),
  foundingAnswer: record({
    type: fc.constant('foundingAnswer' as const),
    empty: boolean,
    voters: ids,
    recordedUuid: fc.option(fc.uuid()) as fc.Arbitrary<string | null>,
  }),
}

const envelope = (message: fc.Arbitrary<Message>): fc.Arbitrary<Envelope> =>
  record({
    from: small,
    to: small,
    clusterId: fc.option(fc.uuid()),
    recoveryEpoch: fc.option(fc.nat(1000)),
    fromUuid: text,
    toUuid: fc.option(fc.uuid()),
    message,
  })
const encode = (sent: Envelope): Buffer => encodeEnvelope(sent)!
const anyEnvelope = fc.oneof(...Object.values(MESSAGES).map(envelope))

for (const [type, message] of Object.entries(MESSAGES)) {
  test(`a ${type} comes out as it went in`, () => {
    const same = (sent: Envelope) => assert.deepEqual(decodeEnvelope(encode(sent)), sent)
    fc.assert(fc.property(envelope(message), same), run)
  })

  test(`a ${type} with fields of a later release behind its own is read`, () => {
    const same = (sent: Envelope, more: Uint8Array) =>
      assert.deepEqual(decodeEnvelope(Buffer.concat([encode(sent), more])), sent)
    fc.assert(fc.property(envelope(message), fc.uint8Array(), same), run)
  })
}

const OF_VERSION_1 = [
  'voteRequest',
  'voteReply',
  'append',
  'appendReply',
  'heartbeat',
  'heartbeatReply',
  'commitNotice',
  'foundingProbe',
  'foundingAnswer',
] as const

/** What a node of the first release makes of a message: it knows nothing of the rest. */
function asInVersion1(sent: Envelope): Envelope {
  const { message } = sent
  const later =
    message.type === 'voteRequest'
      ? { transfer: false }
      : message.type === 'heartbeat'
        ? { round: 0, successors: [] }
        : message.type === 'heartbeatReply'
          ? { round: 0 }
          : {}
  return { ...sent, recoveryEpoch: null, message: { ...message, ...later } as Message }
}

for (const [type, message] of Object.entries(MESSAGES)) {
  const known = (OF_VERSION_1 as readonly string[]).includes(type)
  test(`in protocol 1, a ${type} is ${known ? 'what the first release knew of it' : 'not said'} (T39)`, () => {
    const same = (sent: Envelope) => {
      const bytes = encodeEnvelope(sent, 1)
      assert.deepEqual(bytes === null ? null : decodeEnvelope(bytes), known ? asInVersion1(sent) : null)
    }
    fc.assert(fc.property(envelope(message), same), run)
  })
}

/** A reader of foreign bytes has two ways: a message, or MalformedBytes. */
function assertReads(bytes: Buffer): void {
  try {
    decodeEnvelope(bytes)
  } catch (error) {
    assert.ok(error instanceof MalformedBytes, `${bytes.toString('hex')}: ${error}`)
  }
}

test('random bytes are a message or malformed, never a crash', () => {
  const headed = fc.tuple(fc.integer({ min: 1, max: 2 }), fc.nat(16), fc.uint8Array({ maxLength: 300 }))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => assertReads(Buffer.from(bytes))),
    run,
  )
  fc.assert(
    fc.property(headed, ([version, type, rest]) => assertReads(Buffer.from([version, type, ...rest]))),
    run,
  )
})

test('a message that was cut or damaged is a message or malformed, never a crash', () => {
  const damage = record({ at: fc.nat(), value: fc.nat(255), cut: fc.nat() })
  fc.assert(
    fc.property(anyEnvelope, fc.array(damage, { minLength: 1, maxLength: 4 }), (sent, damages) => {
      let bytes = Buffer.from(encode(sent))
      for (const { at, value, cut } of damages) {
        bytes[at % bytes.length] = value
        if (cut % 3 === 0 && bytes.length > 1) bytes = bytes.subarray(0, 1 + (cut % (bytes.length - 1)))
      }
      assertReads(bytes)
    }),
    run,
  )
})

test('every message that ends too early is malformed', () => {
  fc.assert(
    fc.property(anyEnvelope, sent => {
      const bytes = encode(sent)
      for (let length = 0; length < Math.min(bytes.length, 400); length++)
        assert.throws(() => decodeEnvelope(bytes.subarray(0, length)), MalformedBytes)
    }),
    { ...run, numRuns: Math.ceil(run.numRuns / 10) },
  )
})

test('another protocol version and an unknown type are malformed', () => {
  const bytes = encode({
    from: 1,
    to: 2,
    clusterId: null,
    recoveryEpoch: null,
    fromUuid: 'x',
    toUuid: null,
    message: { type: 'heartbeatReply', round: 0, term: 1, session: 1 },
  })
  for (const [at, value] of [
    [0, 0],
    [0, 3],
    [1, Object.keys(MESSAGES).length],
    [1, 255],
  ] as const) {
    const changed = Buffer.from(bytes)
    changed[at] = value
    assert.throws(() => decodeEnvelope(changed), MalformedBytes)
  }
})

test('an append whose entries the core could not take is malformed', () => {
  const sent = (terms: readonly number[], more: Partial<Entry> = {}, prevTerm = 2): Envelope => ({
    from: 1,
    to: 2,
    clusterId: 'c',
    recoveryEpoch: null,
    fromUuid: 'x',
    toUuid: null,
    message: {
      type: 'append',
      term: 5,
      session: 5,
      commit: 0,
      prev: { index: 7, term: prevTerm },
      entries: terms.map((term, i) => ({ index: 8 + i, term, type: 'x', data: Buffer.alloc(0), ...more })),
    },
  })
  const decode = (envelope: Envelope) => decodeEnvelope(encode(envelope))
  assert.doesNotThrow(() => decode(sent([2, 3, 3, 5])))
  for (const terms of [[6], [3, 2], [0], [1]]) assert.throws(() => decode(sent(terms)), MalformedBytes)
  assert.throws(() => decode(sent([], {}, 6)), MalformedBytes)
  const founding = (text: string) => decode(sent([2], { type: FOUND_CLUSTER, data: Buffer.from(text) }))
  const whole = Buffer.from(encodeFounding('c', [{ id: 1, uuid: 'x' }])).toString()
  assert.doesNotThrow(() => founding(whole))
  const broken = [
    '',
    'null',
    '[]',
    '{}',
    '{"clusterId":1,"voters":[]}',
    '{"clusterId":"c","voters":{}}',
    '{"clusterId":"c","voters":[1]}',
    '{"clusterId":"c","voters":[{"id":"1","uuid":"x"}]}',
    whole.slice(1),
  ]
  for (const text of broken) assert.throws(() => founding(text), MalformedBytes, text)
})

test('an entry comes out as it went in, and random bytes are an entry or malformed', () => {
  const entry = record({ index: number, term: number, type: text, data })
  fc.assert(
    fc.property(entry, sent => assert.deepEqual(decodeEntry(sent.index, encodeEntry(sent)), sent)),
    run,
  )
  const read = (bytes: Uint8Array) => {
    try {
      decodeEntry(1, bytes)
    } catch (error) {
      assert.ok(error instanceof MalformedBytes)
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), read), run)
})

test('a hard state comes out as it went in, and random bytes are one or malformed', () => {
  const state: fc.Arbitrary<HardState> = record({
    term: number,
    commit: number,
    votedFor: fc.option(small),
    clusterId: fc.option(fc.uuid()),
  })
  fc.assert(
    fc.property(state, sent => assert.deepEqual(decodeHardState(encodeHardState(sent)), sent)),
    run,
  )
  const read = (bytes: Uint8Array) => {
    try {
      decodeHardState(bytes)
    } catch (error) {
      assert.ok(error instanceof MalformedBytes)
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), read), run)
})
