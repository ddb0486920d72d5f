import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeSnapshotHead } from '../../../src/consensus/snapshot-head.ts'
import { writeSnapshot } from '../../../src/log/snapshot-file.ts'
import type { SnapshotId } from '../../../src/raft/snapshot.ts'
import { MemoryDisk } from '../log/memory-disk.ts'
import { noPause, SNAPSHOTS, textsOf } from './disk-history.ts'
import { bound, CONFIGURATION, ENTRIES, leaders } from './snapshots-bench.ts'
import { Tape } from './tape.ts'

/** Files whose checksums are right and whose content is not: a peer can send anything. */
type Sent = { readonly name: SnapshotId; readonly bytes: Buffer }

const ID = { index: 12, term: 1 }
const HEAD = encodeSnapshotHead(ID, CONFIGURATION)
const PIECES = [...new Tape(textsOf(ENTRIES)).capture()]

/** A file of this head and these pieces, sent under the name of entry 12. */
async function sent(head: Uint8Array, pieces: readonly Uint8Array[]): Promise<Sent> {
  const disk = new MemoryDisk()
  disk.makeFolder('/other')
  const written = await writeSnapshot(disk.open('/other/file', 'create'), head, pieces, noPause)
  return { name: { ...ID, ...written }, bytes: disk.readFile('/other/file') }
}

/** The right head with some fields left out or changed. */
function headWith(over: Record<string, unknown>): Buffer {
  return Buffer.from(JSON.stringify({ ...JSON.parse(HEAD.toString()), ...over }))
}

const BAD: Record<string, [why: RegExp, () => Promise<Sent>]> = {
  'a head that is no JSON': [/entry 12 of term 1: .*JSON/, () => sent(Buffer.from('{'), PIECES)],
  'the head of another entry': [/it is one of entry 13/, () => sent(headWith({ index: 13 }), PIECES)],
  'the head of another term': [/it is one of entry 12 of term 2/, () => sent(headWith({ term: 2 }), PIECES)],
  'a head without a configuration': [/entry 12 of term 1: /, () => sent(headWith({ voters: null }), PIECES)],
  'a configuration without an index': [
    /its configuration has no index/,
    () => sent(headWith({ configurationIndex: undefined }), PIECES),
  ],
  'no head': [/entry 12 of term 1: /, () => sent(Buffer.alloc(0), PIECES)],
  'pieces without their end': [/the tape has 11 texts, not null/, () => sent(HEAD, PIECES.slice(0, -1))],
  'pieces with one left out': [/the tape has 10 texts, not 11/, () => sent(HEAD, PIECES.slice(1))],
  'no pieces': [/the tape has 0 texts/, () => sent(HEAD, [])],
  'another file than its name says': [
    /its checksum is not the one in its name/,
    async () => {
      const { name, bytes } = await leaders()
      return { name: { ...name, checksum: name.checksum ^ 1 }, bytes }
    },
  ],
}

for (const [what, [why, make]] of Object.entries(BAD)) {
  test(`${what}: discarded, told once and fetched anew, and the node goes on`, async () => {
    const { bench, disk, store, snapshots, tape, events, fatal } = bound()
    const { name, bytes } = await make()
    const before = [...tape.texts]
    assert.deepEqual(await bench.receive(name, 0, bytes), [`stored ${bytes.length}`, 'stored 0'])
    assert.equal(events.length, 1)
    assert.match(events[0]!, /^failed: the snapshot of node 3 is not usable: /)
    assert.match(events[0]!, why)
    assert.deepEqual([disk.list(SNAPSHOTS), store.list, fatal, tape.texts], [[], [], [], before])
    const good = await leaders()
    assert.deepEqual(await bench.receive(good.name, 0, good.bytes), [
      `stored ${good.bytes.length}`,
      'received 12',
    ])
    snapshots.settle({ id: good.name, configuration: CONFIGURATION })
    assert.deepEqual(tape.texts, textsOf(ENTRIES))
  })
}

test('a state machine that cannot end its restoration is heard before the file is this node’s own', async () => {
  const { bench, disk, tape } = bound()
  const { name, bytes } = await leaders()
  const order: string[] = []
  const restore = tape.restore.bind(tape)
  tape.restore = () => {
    const restoration = restore()
    return {
      ...restoration,
      end: () => {
        restoration.end()
        order.push(`end, ${disk.list(SNAPSHOTS).join().split('.').at(-1)}`)
      },
    }
  }
  await bench.receive(name, 0, bytes)
  order.push(disk.list(SNAPSHOTS).join().split('.').at(-1)!)
  assert.deepEqual(order, ['end, incoming', 'received'])
})
