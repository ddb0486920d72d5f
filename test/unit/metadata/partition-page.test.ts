import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import { PAGE_ROWS, PartitionPage, pageOf, rowInPage } from '../../../src/metadata/partition-page.ts'
import { type Partition, PartitionTable } from '../../../src/metadata/partition-table.ts'

function filledPage(seed: number): PartitionPage {
  const chance = new Chance(seed)
  const page = new PartitionPage()
  for (let row = 0; row < PAGE_ROWS; row++) {
    for (const column of Object.values(page.ints)) column[row] = chance.between(-(2 ** 31), 2 ** 31 - 1)
    page.createdAt[row] = chance.between(0, 2 ** 50)
    page.modifiedAt[row] = chance.fraction()
    page.topics[row] = chance.between(-1, 2 ** 31 - 1)
  }
  return page
}

test('rows are counted through page by page', () => {
  assert.deepEqual([0, PAGE_ROWS - 1, PAGE_ROWS, 3 * PAGE_ROWS + 7].map(pageOf), [0, 0, 1, 3])
  assert.deepEqual([0, PAGE_ROWS - 1, PAGE_ROWS, 3 * PAGE_ROWS + 7].map(rowInPage), [0, PAGE_ROWS - 1, 0, 7])
})

test('a copy of a page holds the same, is not pinned, and goes its own way', () => {
  const page = filledPage(1)
  page.pin()
  const copy = new PartitionPage(page)
  assert.equal(copy.pins, 0)
  assert.deepEqual({ ...copy }, { ...page })
  const before = structuredClone({ ints: page.ints, createdAt: page.createdAt, topics: page.topics })
  for (const column of Object.values(copy.ints)) column.fill(1)
  copy.createdAt.fill(1)
  copy.modifiedAt.fill(1)
  copy.topics.fill(1)
  assert.deepEqual({ ints: page.ints, createdAt: page.createdAt, topics: page.topics }, before)
})

test('a page comes back as it was, but for the topics', () => {
  const page = filledPage(2)
  const bytes = page.encode(PAGE_ROWS)
  assert.equal(bytes.length, PAGE_ROWS * (8 * 4 + 2 * 8))
  const copy = new PartitionPage()
  assert.equal(copy.decode(bytes, PAGE_ROWS), true)
  assert.deepEqual([copy.ints, copy.createdAt, copy.modifiedAt], [page.ints, page.createdAt, page.modifiedAt])
  assert.deepEqual([copy.createdWords, copy.modifiedWords], [page.createdWords, page.modifiedWords])
  assert.ok(copy.topics.every(topic => topic === -1))
})

test('bytes lie anywhere: a page is decoded from the midst of a buffer', () => {
  const bytes = filledPage(3).encode(PAGE_ROWS)
  const within = new Uint8Array(bytes.length + 3)
  within.set(bytes, 3)
  const copy = new PartitionPage()
  assert.equal(copy.decode(within.subarray(3), PAGE_ROWS), true)
  assert.deepEqual(copy.encode(PAGE_ROWS), bytes)
})

test('bytes that are too few or too many are no page', () => {
  const bytes = filledPage(4).encode(PAGE_ROWS)
  for (const length of [0, 1, bytes.length - 1])
    assert.equal(new PartitionPage().decode(bytes.subarray(0, length), PAGE_ROWS), false)
  const longer = new Uint8Array(bytes.length + 1)
  longer.set(bytes)
  assert.equal(new PartitionPage().decode(longer, PAGE_ROWS), false)
})

function partition(id: number, leader: number | null = 1, replicas: readonly number[] = [1, 2]): Partition {
  const fixed = { isr: 1, elr: 0, lastKnownLeader: null, createdAt: id, modifiedAt: id }
  return {
    topicId: 't',
    id,
    leader,
    leaderEpoch: 0,
    partitionEpoch: 0,
    replicas,
    reassignment: null,
    ...fixed,
  }
}

test('what was captured stays as it was, however often rows change, go and come', () => {
  const table = new PartitionTable()
  for (let id = 0; id < 2 * PAGE_ROWS + 5; id++) table.add(partition(id))
  const captured = table.capture()
  const bytesOf = () => captured.pages.map(({ page }) => page.encode(PAGE_ROWS))
  const before = bytesOf()
  table.update(3, partition(3, 2))
  table.update(3, partition(3, null))
  assert.deepEqual(bytesOf()[0], before[0])
  table.update(4, partition(4, null))
  table.remove(PAGE_ROWS + 1)
  table.add(partition(9_999, 1, [5]))
  table.add(partition(10_000))
  assert.deepEqual(bytesOf(), before)
  assert.deepEqual([table.at(3).leader, table.at(4).leader, table.at(PAGE_ROWS + 1).id], [null, null, 9_999])
})

test('a page that nothing was written to is read where it lies; one that was written to, from one copy', () => {
  const table = new PartitionTable()
  for (let id = 0; id < PAGE_ROWS + 1; id++) table.add(partition(id))
  const [captured, later] = [table.capture(), table.capture()]
  const [first, second] = captured.pages.map(({ page }) => page)
  assert.equal(later.pages[0]!.page, first)
  table.update(0, partition(0, 2))
  const copy = captured.pages[0]!.page
  assert.notEqual(copy, first)
  table.update(1, partition(1, 2))
  assert.deepEqual(
    captured.pages.map(({ page }) => page),
    [copy, second],
  )
  assert.deepEqual(
    [first, second].map(page => page!.pins),
    [2, 2],
  )
  table.release(captured)
  table.release(later)
  assert.deepEqual(
    [first, second].map(page => page!.pins),
    [0, 0],
  )
})

test('each of several captures is the table at its time', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const chance = new Chance(seed)
    const table = new PartitionTable()
    for (let id = 0; id < 30; id++) table.add(partition(id))
    const taken: { captured: ReturnType<PartitionTable['capture']>; bytes: Uint8Array }[] = []
    for (let step = 0; step < 200; step++) {
      const row = chance.between(0, 29)
      if (chance.happens(0.9)) table.update(row, partition(row, chance.pick([1, 2, null])))
      else if (chance.happens(0.5) && taken.length > 0) {
        const { captured, bytes } = taken.splice(chance.between(0, taken.length - 1), 1)[0]!
        assert.deepEqual(captured.pages[0]!.page.encode(PAGE_ROWS), bytes)
        table.release(captured)
      } else {
        const captured = table.capture()
        taken.push({ captured, bytes: captured.pages[0]!.page.encode(PAGE_ROWS) })
      }
    }
    for (const { captured, bytes } of taken)
      assert.deepEqual(captured.pages[0]!.page.encode(PAGE_ROWS), bytes)
  }
})

test('a table is filled with what another was captured as: rows, free rows and lists', () => {
  const table = new PartitionTable()
  for (let id = 0; id < PAGE_ROWS + 10; id++) table.add(partition(id, 1, [1, 2 + (id % 3)]))
  for (const row of [4, PAGE_ROWS + 2, 9]) table.remove(row)
  const { pages, ...head } = table.capture()
  const { rows, free } = head
  assert.deepEqual(free, [4, PAGE_ROWS + 2, 9])
  const copy = new PartitionTable()
  copy.load(head)
  for (const { page } of pages) {
    const next = new PartitionPage()
    assert.ok(next.decode(page.encode(PAGE_ROWS), PAGE_ROWS))
    copy.loadPage(next)
  }
  for (let row = 0; row < rows; row++) if (!free.includes(row)) copy.assignTopic([row], 't')
  assert.equal(copy.count, table.count)
  assert.throws(() => copy.assignTopic([4], 't'), /row 4 holds a partition/)
  assert.throws(() => copy.assignTopic([rows], 't'), /holds a partition/)
  for (let i = 0; i < 5; i++) {
    const [one, two] = [table, copy].map(each => each.add(partition(20_000 + i)))
    assert.equal(one, two, 'rows are given out in the same order')
  }
  for (let row = 0; row < rows; row++) assert.deepEqual(copy.at(row), table.at(row))
  assert.deepEqual(copy.scan.counts(), table.scan.counts())
  assert.throws(() => copy.load(head), /only an empty table is filled/)
})

test('a table that is captured twice stays as it was for both, until each is released', () => {
  const table = new PartitionTable()
  for (let id = 0; id < 5; id++) table.add(partition(id))
  const first = table.capture()
  const second = table.capture()
  const before = first.pages[0]!.page.encode(PAGE_ROWS)
  table.release(first)
  table.update(3, partition(3, 2))
  assert.deepEqual(second.pages[0]!.page.encode(PAGE_ROWS), before)
  assert.equal(table.at(3).leader, 2)
  table.release(second)
})
