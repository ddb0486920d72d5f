import { ByteReader, ByteWriter } from '../base/bytes.ts'
import type { RowCodec } from '../log/sql-log.ts'
import type { Entry, HardState } from '../raft/entry.ts'

/** Entries and hard state as bytes: in the log and in messages alike. */

export function encodeEntry(entry: Entry): Buffer {
  const writer = new ByteWriter(entry.data.length + entry.type.length + 16)
  writer.u64(entry.term)
  writer.text(entry.type)
  writer.bytes(entry.data)
  return writer.finish()
}

export function decodeEntry(index: number, bytes: Uint8Array): Entry {
  const reader = new ByteReader(bytes)
  const term = reader.u64()
  const type = reader.text()
  return { index, term, type, data: reader.bytes(reader.remaining) }
}

/** The same in the columns of a table. */
export const rowCodec: RowCodec = {
  encode(index, record) {
    const { term, type, data } = decodeEntry(index, record)
    return { index, term, type, data: Buffer.from(data) }
  },
  decode: encodeEntry,
}

export function encodeHardState({ term, votedFor, commit, clusterId }: HardState): Buffer {
  const writer = new ByteWriter(80)
  writer.u64(term)
  writer.u64(commit)
  writer.u8(votedFor === null ? 0 : 1)
  writer.u32(votedFor ?? 0)
  writer.text(clusterId ?? '')
  return writer.finish()
}

export function decodeHardState(bytes: Uint8Array): HardState {
  const reader = new ByteReader(bytes)
  const term = reader.u64()
  const commit = reader.u64()
  const voted = reader.u8() === 1
  const id = reader.u32()
  const clusterId = reader.text()
  reader.end()
  return { term, commit, votedFor: voted ? id : null, clusterId: clusterId === '' ? null : clusterId }
}
