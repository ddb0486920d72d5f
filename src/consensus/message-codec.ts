import { unreachable } from '../base/assert.ts'
import { ByteReader, ByteWriter, MalformedBytes } from '../base/bytes.ts'
import { messageOf } from '../base/errors.ts'
import { type Entry, type EntryId, FOUND_CLUSTER } from '../raft/entry.ts'
import type { Envelope, Message } from '../raft/message.ts'
import { configurationOf } from '../raft/voters.ts'
import { decodeEntry, encodeEntry } from './entry-codec.ts'

/**
 * Raft messages as frames: protocol version, message type, envelope, then the fields of the message in the order of
 * its type. A reader ignores what follows the fields it knows, so that a later release can add some.
 */
const PROTOCOL_VERSION = 1
const TYPES: readonly Message['type'][] = [
  'voteRequest',
  'voteReply',
  'append',
  'appendReply',
  'heartbeat',
  'heartbeatReply',
  'commitNotice',
  'foundingProbe',
  'foundingAnswer',
]

export function encodeEnvelope({ from, to, clusterId, fromUuid, toUuid, message }: Envelope): Buffer {
  const writer = new ByteWriter(256)
  writer.u8(PROTOCOL_VERSION)
  writer.u8(TYPES.indexOf(message.type))
  writer.u32(from)
  writer.u32(to)
  writer.text(clusterId ?? '')
  writer.text(fromUuid)
  writer.text(toUuid ?? '')
  writeMessage(writer, message)
  return writer.finish()
}

/** Throws {@link MalformedBytes}. */
export function decodeEnvelope(bytes: Buffer): Envelope {
  const reader = new ByteReader(bytes)
  const version = reader.u8()
  if (version !== PROTOCOL_VERSION)
    throw new MalformedBytes(`protocol version ${version}, expected ${PROTOCOL_VERSION}`)
  const type = TYPES[reader.u8()]
  if (type === undefined) throw new MalformedBytes('unknown message type')
  const from = reader.u32()
  const to = reader.u32()
  const clusterId = reader.text() || null
  const fromUuid = reader.text()
  const toUuid = reader.text() || null
  return { from, to, clusterId, fromUuid, toUuid, message: readMessage(reader, type) }
}

function writeMessage(writer: ByteWriter, message: Message): void {
  switch (message.type) {
    case 'voteRequest':
      writer.u64(message.term)
      writer.u8(Number(message.preVote))
      return writeId(writer, message.last)
    case 'voteReply':
      writer.u64(message.term)
      writer.u8(Number(message.preVote))
      return writer.u8(Number(message.granted))
    case 'append':
      writer.u64(message.term)
      writer.u64(message.session)
      writer.u64(message.commit)
      writeId(writer, message.prev)
      writer.u32(message.entries.length)
      for (const entry of message.entries) writer.blob(encodeEntry(entry))
      return
    case 'appendReply':
      writer.u64(message.term)
      writer.u64(message.session)
      writer.u8(Number(message.success))
      writer.u64(message.success ? message.matched : message.rejected)
      return writeId(writer, message.success ? { index: 0, term: 0 } : message.hint)
    case 'heartbeat':
    case 'commitNotice':
      writer.u64(message.term)
      writer.u64(message.session)
      return writer.u64(message.commit)
    case 'heartbeatReply':
      writer.u64(message.term)
      return writer.u64(message.session)
    case 'foundingProbe':
      return writeIds(writer, message.voters)
    case 'foundingAnswer':
      writer.u8(Number(message.empty))
      writer.text(message.recordedUuid ?? '')
      return writeIds(writer, message.voters)
    default:
      return unreachable(message)
  }
}

function readMessage(reader: ByteReader, type: Message['type']): Message {
  switch (type) {
    case 'voteRequest':
      return { type, term: reader.u64(), preVote: reader.u8() === 1, last: readId(reader) }
    case 'voteReply':
      return { type, term: reader.u64(), preVote: reader.u8() === 1, granted: reader.u8() === 1 }
    case 'append':
      return readAppend(reader)
    case 'appendReply':
      return readAppendReply(reader)
    case 'heartbeat':
    case 'commitNotice':
      return { type, term: reader.u64(), session: reader.u64(), commit: reader.u64() }
    case 'heartbeatReply':
      return { type, term: reader.u64(), session: reader.u64() }
    case 'foundingProbe':
      return { type, voters: readIds(reader) }
    case 'foundingAnswer': {
      const empty = reader.u8() === 1
      const recordedUuid = reader.text() || null
      return { type, empty, recordedUuid, voters: readIds(reader) }
    }
    default:
      return unreachable(type)
  }
}

function readAppend(reader: ByteReader): Message {
  const term = reader.u64()
  const session = reader.u64()
  const commit = reader.u64()
  const prev = readId(reader)
  const entries: Entry[] = []
  const count = reader.u32()
  for (let i = 0; i < count; i++) entries.push(decodeEntry(prev.index + 1 + i, reader.blob()))
  checkEntries(term, prev, entries)
  return { type: 'append', term, session, commit, prev, entries }
}

/** What every append must be, whoever sent it: the core relies on it. Throws {@link MalformedBytes}. */
export function checkEntries(term: number, prev: EntryId, entries: readonly Entry[]): void {
  if (prev.term > term) throw new MalformedBytes(`prevLogTerm ${prev.term} is later than the term ${term}`)
  let before = prev.term
  for (const [i, entry] of entries.entries()) {
    if (entry.index !== prev.index + 1 + i)
      throw new MalformedBytes(`entry ${entry.index} does not follow ${prev.index + i}`)
    if (entry.term < before || entry.term > term || entry.term === 0)
      throw new MalformedBytes(`entry ${entry.index} has term ${entry.term}`)
    if (entry.type === FOUND_CLUSTER) checkFounding(entry)
    before = entry.term
  }
}

/** The one entry that the core reads itself, as soon as it is appended. */
function checkFounding(entry: Entry): void {
  const wrong = (why: string) => new MalformedBytes(`entry ${entry.index} is no founding entry: ${why}`)
  let voters: readonly unknown[]
  try {
    voters = configurationOf(entry)!.voters
  } catch (error) {
    throw wrong(messageOf(error))
  }
  for (const voter of voters) {
    const { id, uuid } = (voter ?? {}) as { id?: unknown; uuid?: unknown }
    if (!Number.isSafeInteger(id) || typeof uuid !== 'string') throw wrong('a voter is an id and a uuid')
  }
}

function readAppendReply(reader: ByteReader): Message {
  const term = reader.u64()
  const session = reader.u64()
  const success = reader.u8() === 1
  const index = reader.u64()
  const hint = readId(reader)
  return success
    ? { type: 'appendReply', term, session, success, matched: index }
    : { type: 'appendReply', term, session, success, rejected: index, hint }
}

function writeId(writer: ByteWriter, { index, term }: EntryId): void {
  writer.u64(index)
  writer.u64(term)
}

function readId(reader: ByteReader): EntryId {
  return { index: reader.u64(), term: reader.u64() }
}

function writeIds(writer: ByteWriter, ids: readonly number[]): void {
  writer.u32(ids.length)
  for (const id of ids) writer.u32(id)
}

function readIds(reader: ByteReader): number[] {
  return Array.from({ length: Math.min(reader.u32(), 1024) }, () => reader.u32())
}
