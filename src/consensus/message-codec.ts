import { unreachable } from '../base/assert.ts'
import { ByteReader, ByteWriter, MalformedBytes } from '../base/bytes.ts'
import { messageOf } from '../base/errors.ts'
import { CHANGE_MEMBERS, type Entry, type EntryId, FOUND_CLUSTER } from '../raft/entry.ts'
import type { Envelope, Message } from '../raft/message.ts'
import type { SnapshotId } from '../raft/snapshot.ts'
import { configurationOf } from '../raft/voters.ts'
import { decodeEntry, encodeEntry } from './entry-codec.ts'

/**
 * Raft messages as frames: protocol version, message type, envelope, then the fields of the message in the order of
 * its type. A reader ignores what follows the fields it knows.
 *
 * | version | adds |
 * |---|---|
 * | 1 | elections, replication, founding |
 * | 2 | recovery epochs, transfers, rounds of heartbeats, reads, snapshots, changes of members |
 *
 * Two nodes speak the newest version that both know. What an older version has no words for is not said: a node of an
 * older release follows and votes, and the new features rest on the nodes that know them.
 */
export const PROTOCOL = { oldest: 1, newest: 2 } as const
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
  'timeoutNow',
  'readIndexRequest',
  'readIndexReply',
  'installSnapshot',
  'snapshotReply',
]
/** How many of the types each version knows. */
const TYPES_OF_VERSION: readonly number[] = [0, 9, TYPES.length]

/** Null: the version has no words for this message. What a later version adds to a message stands behind the rest of it. */
export function encodeEnvelope(envelope: Envelope, version: number = PROTOCOL.newest): Buffer | null {
  const { from, to, clusterId, recoveryEpoch, fromUuid, toUuid, message } = envelope
  const type = TYPES.indexOf(message.type)
  if (type >= TYPES_OF_VERSION[version]!) return null
  const writer = new ByteWriter(256)
  writer.u8(version)
  writer.u8(type)
  writer.u32(from)
  writer.u32(to)
  writer.text(clusterId ?? '')
  writer.text(fromUuid)
  writer.text(toUuid ?? '')
  if (version >= 2) writer.u32(recoveryEpoch === null ? 0 : recoveryEpoch + 1)
  writeMessage(writer, message)
  return writer.finish()
}

/** Throws {@link MalformedBytes}. */
export function decodeEnvelope(bytes: Buffer): Envelope {
  const reader = new ByteReader(bytes)
  const version = reader.u8()
  if (version < PROTOCOL.oldest || version > PROTOCOL.newest)
    throw new MalformedBytes(`protocol version ${version}, expected ${PROTOCOL.oldest} to ${PROTOCOL.newest}`)
  const type = TYPES.slice(0, TYPES_OF_VERSION[version])[reader.u8()]
  if (type === undefined) throw new MalformedBytes('unknown message type')
  const from = reader.u32()
  const to = reader.u32()
  const clusterId = reader.text() || null
  const fromUuid = reader.text()
  const toUuid = reader.text() || null
  const epoch = version >= 2 ? reader.u32() : 0
  const recoveryEpoch = epoch === 0 ? null : epoch - 1
  return { from, to, clusterId, recoveryEpoch, fromUuid, toUuid, message: readMessage(reader, type, version) }
}

function writeMessage(writer: ByteWriter, message: Message): void {
  switch (message.type) {
    case 'voteRequest':
      writer.u64(message.term)
      writer.u8(Number(message.preVote))
      writeId(writer, message.last)
      return writer.u8(Number(message.transfer))
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
      writer.u64(message.term)
      writer.u64(message.session)
      writer.u64(message.commit)
      writer.u64(message.round)
      return writeIds(writer, message.successors)
    case 'commitNotice':
      writer.u64(message.term)
      writer.u64(message.session)
      return writer.u64(message.commit)
    case 'heartbeatReply':
      writer.u64(message.term)
      writer.u64(message.session)
      return writer.u64(message.round)
    case 'timeoutNow':
      return writer.u64(message.term)
    case 'readIndexRequest':
      writer.u64(message.term)
      return writer.u64(message.token)
    case 'readIndexReply':
      writer.u64(message.term)
      writer.u64(message.token)
      return writer.u64(message.index === null ? 0 : message.index + 1)
    case 'installSnapshot':
      writer.u64(message.term)
      writer.u64(message.session)
      writeSnapshotId(writer, message.snapshot)
      writer.u64(message.offset)
      return writer.blob(message.data)
    case 'snapshotReply':
      writer.u64(message.term)
      writer.u64(message.session)
      writeSnapshotId(writer, message.snapshot)
      return writer.u64(message.offset)
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

function readMessage(reader: ByteReader, type: Message['type'], version: number): Message {
  switch (type) {
    case 'voteRequest':
      return {
        type,
        term: reader.u64(),
        preVote: reader.u8() === 1,
        last: readId(reader),
        transfer: version >= 2 && reader.u8() === 1,
      }
    case 'voteReply':
      return { type, term: reader.u64(), preVote: reader.u8() === 1, granted: reader.u8() === 1 }
    case 'append':
      return readAppend(reader)
    case 'appendReply':
      return readAppendReply(reader)
    case 'heartbeat': {
      const beat = { type, term: reader.u64(), session: reader.u64(), commit: reader.u64() }
      return version < 2
        ? { ...beat, round: 0, successors: [] }
        : { ...beat, round: reader.u64(), successors: readIds(reader) }
    }
    case 'commitNotice':
      return { type, term: reader.u64(), session: reader.u64(), commit: reader.u64() }
    case 'heartbeatReply': {
      const reply = { type, term: reader.u64(), session: reader.u64() }
      return { ...reply, round: version < 2 ? 0 : reader.u64() }
    }
    case 'timeoutNow':
      return { type, term: reader.u64() }
    case 'readIndexRequest':
      return { type, term: reader.u64(), token: reader.u64() }
    case 'readIndexReply': {
      const reply = { type, term: reader.u64(), token: reader.u64() }
      const index = reader.u64()
      return { ...reply, index: index === 0 ? null : index - 1 }
    }
    case 'installSnapshot':
      return {
        type,
        term: reader.u64(),
        session: reader.u64(),
        snapshot: readSnapshotId(reader),
        offset: reader.u64(),
        data: reader.blob(),
      }
    case 'snapshotReply':
      return {
        type,
        term: reader.u64(),
        session: reader.u64(),
        snapshot: readSnapshotId(reader),
        offset: reader.u64(),
      }
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
    if (entry.type === FOUND_CLUSTER || entry.type === CHANGE_MEMBERS) checkConfiguration(entry)
    before = entry.term
  }
}

/** The entries that the core reads itself, as soon as they are appended. */
function checkConfiguration(entry: Entry): void {
  try {
    configurationOf(entry)
  } catch (error) {
    throw new MalformedBytes(`entry ${entry.index} is no configuration: ${messageOf(error)}`)
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

function writeSnapshotId(writer: ByteWriter, { index, term, bytes, checksum }: SnapshotId): void {
  writer.u64(index)
  writer.u64(term)
  writer.u64(bytes)
  writer.u32(checksum)
}

function readSnapshotId(reader: ByteReader): SnapshotId {
  return { index: reader.u64(), term: reader.u64(), bytes: reader.u64(), checksum: reader.u32() }
}

function writeIds(writer: ByteWriter, ids: readonly number[]): void {
  writer.u32(ids.length)
  for (const id of ids) writer.u32(id)
}

function readIds(reader: ByteReader): number[] {
  return Array.from({ length: Math.min(reader.u32(), 1024) }, () => reader.u32())
}
