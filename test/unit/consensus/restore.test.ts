import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DamagedLog } from '../../../src/log/log.ts'
import { CHANGE_MEMBERS, type Entry } from '../../../src/raft/entry.ts'
import { encodeConfiguration } from '../../../src/raft/voters.ts'
import { MemoryDisk } from '../log/memory-disk.ts'
import {
  assertRestored,
  batchOf,
  closeNode,
  configurationAt,
  contentOf,
  type DiskNode,
  entriesAfter,
  entry,
  foreignSnapshot,
  founding,
  HARD,
  LOG,
  type Model,
  openNode,
  SNAPSHOTS,
  sameContent,
  takeSnapshot,
} from './disk-history.ts'

/** Entries 1 to 12: of term 1 up to 4, of term 2 up to 8, then of term 3. Each fills half a segment. */
const FIRST: Model = {
  entries: [founding(), ...entriesAfter({ entries: [founding()], hard: HARD }, 1, 3, 1500)],
  hard: HARD,
}
const SECOND: Model = { entries: [...FIRST.entries, ...entriesAfter(FIRST, 2, 4, 1500)], hard: HARD }
const ALL: readonly Entry[] = [...SECOND.entries, ...entriesAfter(SECOND, 3, 4, 1500)]

type Made = { last?: number; commit?: number; taken?: number[]; received?: number[]; dropBefore?: number }

/** A disk with the log up to `last` and snapshots; nothing is made to fit together. */
async function disk({
  last = 12,
  commit = 0,
  taken = [],
  received = [],
  dropBefore = 0,
}: Made): Promise<MemoryDisk> {
  const made = new MemoryDisk()
  const node = await openNode(made)
  const hard = { ...HARD, term: 3, commit }
  for (const one of ALL.slice(0, last)) await node.log.append(batchOf([one], hard))
  for (const index of taken) await takeSnapshot(node.store, ALL, index)
  for (const index of received) await receive(node, ALL, index)
  if (dropBefore > 0) await node.log.dropBefore(dropBefore)
  await closeNode(node)
  return made
}

async function receive({ store }: DiskNode, entries: readonly Entry[], index: number): Promise<void> {
  const { name, bytes } = await foreignSnapshot(entries, index)
  await store.receive(name, 0, bytes)
  for (const _ of store.received(name));
  await store.accept(name)
}

async function assertOpens(made: MemoryDisk, last: number, commit = 0): Promise<DiskNode> {
  const node = await openNode(made)
  const model = { entries: ALL.slice(0, last), hard: { ...HARD, term: 3, commit } }
  assert.ok(sameContent(contentOf(node), model), JSON.stringify(contentOf(node)).slice(0, 300))
  assertRestored(node, model)
  return node
}

function indexes({ restored }: DiskNode): number[] {
  return restored.snapshots.map(({ id }) => id.index)
}

async function assertRefused(made: MemoryDisk, why: RegExp): Promise<void> {
  await assert.rejects(openNode(made), (error: Error) => {
    assert.ok(error instanceof DamagedLog, error.stack)
    assert.match(error.message, why)
    assert.match(error.message, /Restore this data directory from a copy of the disk/)
    return true
  })
}

function snapshotPath(made: MemoryDisk, index: number): string {
  const name = made.list(SNAPSHOTS).find(found => found.startsWith(`${String(index).padStart(16, '0')}-`))
  return `${SNAPSHOTS}/${name}`
}

const flip = (at: number) => (bytes: Buffer) =>
  void bytes.writeUInt8(bytes.at(at)! ^ 1, (at + bytes.length) % bytes.length)

function removeLog(made: MemoryDisk): void {
  for (const name of made.list(LOG)) made.remove(`${LOG}/${name}`)
}

const ROWS: Record<string, () => Promise<void>> = {
  'no snapshot, a log from entry 1 on': async () => {
    for (const last of [0, 1, 12]) {
      const made = last === 0 ? new MemoryDisk() : await disk({ last })
      const node = last === 0 ? await openNode(made) : await assertOpens(made, last)
      assert.deepEqual([indexes(node), node.restored.base.index, node.tape.texts], [[], 0, []])
      assert.deepEqual(node.damaged, [])
    }
  },

  'snapshots, and the log goes on behind the newest': async () => {
    const one = await assertOpens(await disk({ taken: [6], commit: 7 }), 12, 7)
    assert.deepEqual([indexes(one), one.restored.base.index, one.tape.texts.length], [[6], 6, 5])
    const two = await assertOpens(await disk({ taken: [4, 9], dropBefore: 5 }), 12)
    assert.deepEqual(
      [indexes(two), two.restored.base, two.tape.texts.length],
      [[4, 9], { index: 4, term: 1 }, 8],
    )
    const last = await assertOpens(await disk({ taken: [4, 12], dropBefore: 5 }), 12)
    assert.deepEqual([indexes(last), last.tape.texts.length], [[4, 12], 11])
    const received = await assertOpens(await disk({ taken: [4], received: [9], dropBefore: 5 }), 12)
    assert.deepEqual(indexes(received), [4, 9])
    const three = await assertOpens(await disk({ taken: [4, 6, 9] }), 12)
    assert.deepEqual(indexes(three), [6, 9], 'two are enough')
    const dropped = await assertOpens(await disk({ taken: [4, 9], dropBefore: 9 }), 12)
    assert.deepEqual(indexes(dropped), [9], 'the log does not reach back to the one before')
  },

  'the newest is damaged, the log reaches back to the one before': async () => {
    for (const at of [0, 8, 12, 16, 40, 300, -700, -8, -1]) {
      const made = await disk({ taken: [4, 9], dropBefore: 5, commit: 10 })
      made.damage(snapshotPath(made, 9), flip(at))
      const node = await assertOpens(made, 12, 10)
      assert.deepEqual([indexes(node), node.damaged.length], [[4], 1], `${at}`)
      assert.match(node.damaged[0]!, /0000000000000009-0000000000000003\.taken: /)
    }
    const made = await disk({ taken: [2, 4, 9] })
    made.damage(snapshotPath(made, 9), flip(100))
    assert.deepEqual(indexes(await assertOpens(made, 12)), [2, 4])
  },

  'the newest was received, and the log ends before it or parts from it': async () => {
    for (const last of [1, 3, 8]) {
      const made = await disk({ last, received: [9], commit: 1 })
      const node = await assertOpens(made, 9, 1)
      assert.deepEqual([node.log.firstIndex, node.log.lastIndex, indexes(node)], [10, 9, [9]])
      await closeNode(node)
      assert.deepEqual(indexes(await assertOpens(made, 9, 1)), [9], 'once and for all')
    }
    const parted = await disk({ last: 6 })
    const other = await openNode(parted)
    await other.log.append(
      batchOf([entry(7, 2, 64), entry(8, 2, 64), entry(9, 2, 64), entry(10, 2, 64)], null),
    )
    await receive(other, ALL, 9)
    await closeNode(other)
    const node = await assertOpens(parted, 9)
    assert.deepEqual([node.log.firstIndex, node.log.lastIndex], [10, 9])
    const before = await assertOpens(await disk({ last: 6, taken: [3], received: [9] }), 9)
    assert.deepEqual(indexes(before), [9], 'nothing reaches back to the one before')
  },

  'the newest was taken here, and the log ends before it': async () => {
    await assertRefused(
      await disk({ last: 8, taken: [4, 9] }),
      /made a snapshot of entry 9 of term 3, but its log ends with entry 8: /,
    )
    const made = await disk({ last: 8, taken: [9] })
    const node = await openNodeWithLog(made)
    await node.append(batchOf([entry(9, 2)], null))
    await node.close()
    await assertRefused(made, /its log ends with entry 9, and has another entry there/)
  },

  'a snapshot, but no term and vote beside it': async () => {
    for (const rest of [{ taken: [4, 9] }, { received: [9] }]) {
      const made = await disk(rest)
      removeLog(made)
      await assertRefused(
        made,
        /there are snapshots, but no log: the term and the vote of this node are lost/,
      )
    }
    for (const at of [0, 40, -1]) {
      const made = await disk({ taken: [9] })
      removeLog(made)
      made.damage(snapshotPath(made, 9), flip(at))
      await assertRefused(made, /0009-0000000000000003\.taken: .*, but no log: the term and the vote/)
    }
  },

  'the log begins behind what the snapshots cover': async () => {
    const none = await disk({ taken: [9], dropBefore: 9 })
    none.remove(snapshotPath(none, 9))
    await assertRefused(none, /the log begins with entry \d, and no sound snapshot covers what was before/)
    const early = await disk({ taken: [3, 9], dropBefore: 9 })
    early.remove(snapshotPath(early, 9))
    await assertRefused(early, /no sound snapshot/)
    for (const at of [0, 60, -1]) {
      const damaged = await disk({ taken: [3, 9], dropBefore: 9 })
      damaged.damage(snapshotPath(damaged, 9), flip(at))
      await assertRefused(damaged, /the log begins .*no sound snapshot.*0009-0000000000000003\.taken: /)
    }
  },

  'the log and the snapshots end before the commit index': async () => {
    await assertRefused(
      await disk({ last: 8, commit: 9 }),
      /the log ends with entry 8, but entry 9 was committed/,
    )
    await assertRefused(
      await disk({ last: 8, commit: 10, received: [9] }),
      /ends with entry 9, but entry 10 was/,
    )
    await assertOpens(await disk({ last: 8, commit: 9, received: [9] }), 9, 9)
    await assertOpens(await disk({ last: 8, commit: 8 }), 8, 8)
  },
}

async function openNodeWithLog(made: MemoryDisk) {
  const { SegmentedLog } = await import('../../../src/log/segmented-log.ts')
  return SegmentedLog.open({ disk: made, folder: LOG, owner: 'metadata-1 uuid' })
}

for (const [row, check] of Object.entries(ROWS)) test(row, check)

test('every row of the table in restore.ts has a test here', () => {
  const source = readFileSync(new URL('../../../src/consensus/restore.ts', import.meta.url), 'utf8')
  const rows = [...source.matchAll(/^ \* \| (.*?) +\| .* \|$/gm)].map(([, found]) => found!)
  assert.deepEqual(
    rows
      .slice(1)
      .filter(row => !row.startsWith('---'))
      .sort(),
    Object.keys(ROWS).sort(),
  )
})

test('a snapshot under the name of another one is damaged, be it the newest or the one before', async () => {
  const newest = await disk({ taken: [4, 9] })
  newest.rename(snapshotPath(newest, 9), `${SNAPSHOTS}/0000000000000010-0000000000000003.taken`)
  const started = await assertOpens(newest, 12)
  assert.deepEqual(indexes(started), [4])
  assert.match(started.damaged.join(), /entry 10 of term 3: it is one of entry 9 of term 3/)
  const before = await disk({ taken: [4, 9] })
  before.rename(snapshotPath(before, 4), `${SNAPSHOTS}/0000000000000005-0000000000000002.taken`)
  const node = await assertOpens(before, 12)
  assert.deepEqual(indexes(node), [9])
  assert.match(node.damaged.join(), /entry 5 of term 2: it is one of entry 4 of term 1/)
})

test('the tail holds the newest entries, and all of them where they are few', async () => {
  const node = await assertOpens(await disk({ taken: [9] }), 12)
  assert.ok(node.restored.tail.length >= 1 && node.restored.tail.length <= 3)
  assert.equal(node.restored.tail.at(-1)!.index, 12)
  const small = await assertOpens(await disk({ last: 1 }), 1)
  assert.equal(small.restored.tail.length, 1)
})

test('the configuration in force at the base comes from the snapshot, later ones from the log', async () => {
  const voters = [
    { id: 1, uuid: 'uuid' },
    { id: 2, uuid: 'other' },
  ]
  const rest = { clusterId: 'c', recoveryEpoch: 0, outgoing: null, learners: [] }
  const data = encodeConfiguration({ ...rest, index: 6, voters })
  const entries = ALL.map(one => (one.index === 6 ? { ...one, type: CHANGE_MEMBERS, data } : one))
  const [founded, changed] = [configurationAt(entries, 5), configurationAt(entries, 6)]
  assert.notDeepEqual(founded, changed)
  for (const [taken, dropBefore, expected] of [
    [[], 0, [founded, changed]],
    [[4, 9], 5, [founded, changed]],
    [[6, 9], 7, [changed]],
    [[4, 9], 9, [changed]],
  ] as const) {
    const made = new MemoryDisk()
    const node = await openNode(made)
    for (const one of entries) await node.log.append(batchOf([one], HARD))
    for (const index of taken) await takeSnapshot(node.store, entries, index)
    if (dropBefore > 0) await node.log.dropBefore(dropBefore)
    await closeNode(node)
    const opened = await openNode(made)
    assert.deepEqual(opened.restored.configurations, expected)
    assertRestored(opened, { entries, hard: HARD })
  }
})
