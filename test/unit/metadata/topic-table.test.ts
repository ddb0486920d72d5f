import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import type { Topic } from '../../../src/metadata/topic.ts'
import { follow, PAGE_TOPICS, rowsFrom } from '../../../src/metadata/topic-page.ts'
import { type Topics, TopicTable } from '../../../src/metadata/topic-table.ts'

const CONFIGS = [{}, {}, { 'retention.ms': '1' }, { 'retention.ms': '2', 'min.insync.replicas': '2' }]
const NUMBERS = 3 * PAGE_TOPICS

function someTopic(chance: Chance, name: string): Topic {
  const count = chance.pick([1, 2, 10, 64, 65, 200])
  const rows = rowsFrom(chance.between(0, 2 ** 21), count)
  const scattered = rows.map(row => 3 * row)
  return {
    name,
    id: `id of ${name}`,
    config: chance.pick(CONFIGS),
    replicationFactor: chance.between(1, 30),
    createdAt: chance.between(0, 2 ** 45),
    modifiedAt: chance.between(0, 2 ** 45),
    rows: chance.happens(0.3) ? scattered : rows,
  }
}

function sortedNames(topics: Iterable<Topic>): Topic[] {
  return [...topics].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Everything that can be read of a capture, against what was in the table. */
function assertCaptured(captured: Topics, expected: readonly Topic[]): void {
  assert.equal(captured.length, expected.length)
  assert.deepEqual(sortedNames(captured), sortedNames(expected))
  const pieces: Topic[] = []
  for (let start = 0; start < captured.length; start += 7) pieces.push(...captured.slice(start, start + 7))
  assert.deepEqual(pieces, [...captured])
  for (const index of [0, captured.length - 1, -1]) assert.deepEqual(captured.at(index), pieces.at(index))
  assert.equal(captured.at(captured.length), undefined)
}

function assertSame(table: TopicTable, model: ReadonlyMap<number, Topic>): void {
  assert.equal(table.size, model.size)
  for (let number = 0; number < NUMBERS + 10; number++) {
    const topic = model.get(number)
    assert.deepEqual(table.at(number), topic)
    assert.equal(table.nameOf(number), topic?.name ?? '')
    if (topic !== undefined) assert.equal(table.numberOf(topic.name), number)
  }
  assert.equal(table.numberOf('nobody'), undefined)
}

test('the table holds what a map of topics would, and captures stay as they were', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const chance = new Chance(seed)
    const table = new TopicTable()
    const model = new Map<number, Topic>()
    const captures: { topics: Topics; expected: Topic[] }[] = []
    for (let step = 1; step <= 200; step++) {
      const number = chance.between(0, NUMBERS - 1)
      const held = model.size > 0 && chance.happens(0.5) ? chance.pick([...model.keys()]) : number
      const before = model.get(held)
      if (before !== undefined && chance.happens(0.4)) {
        table.remove(held)
        model.delete(held)
      } else {
        const topic = someTopic(chance, before?.name ?? `topic ${step}`)
        table.set(held, topic)
        model.set(held, topic)
      }
      if (chance.happens(0.05)) captures.push({ topics: table.capture(), expected: [...model.values()] })
    }
    assertSame(table, model)
    for (const { topics, expected } of captures) assertCaptured(topics, expected)
  }
})

test('a capture by names has the order of the names', () => {
  const table = new TopicTable()
  const chance = new Chance(1)
  for (const [number, name] of ['c', 'a', 'b'].entries()) table.set(number, someTopic(chance, name))
  const captured = table.capture(['a', 'b', 'c'])
  table.remove(0)
  assert.deepEqual(
    Array.from(captured, ({ name }) => name),
    ['a', 'b', 'c'],
  )
})

test('a name that was removed may come back under another number', () => {
  const table = new TopicTable()
  const topic = someTopic(new Chance(1), 'again')
  table.set(0, topic)
  table.remove(0)
  table.set(5, topic)
  assert.deepEqual([table.numberOf('again'), table.at(0), table.at(5)], [5, undefined, topic])
})

test('rows follow each other where each is one more than the one before', () => {
  assert.deepEqual(rowsFrom(7, 3), [7, 8, 9])
  const given = [[], [4], [4, 5, 6], [4, 6], [5, 4]]
  assert.deepEqual(given.map(follow), [true, true, true, false, false])
})
