import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import { type AcceptedCommand, ChangeRing } from '../../../src/metadata/change-ring.ts'

function command(version: number, bytes = 100, topics: readonly string[] = []): AcceptedCommand {
  return { version, commandType: 'T', commandData: 'x'.repeat(bytes), topics, brokers: [] }
}

const versionsOf = (commands: readonly AcceptedCommand[] | null) => commands?.map(({ version }) => version)

test('the ring answers what came after a version, oldest first', () => {
  const ring = new ChangeRing(0)
  for (const version of [2, 5, 6, 9]) ring.add(command(version))
  assert.deepEqual(versionsOf(ring.since(0)), [2, 5, 6, 9])
  assert.deepEqual(versionsOf(ring.since(5)), [6, 9])
  assert.deepEqual(versionsOf(ring.since(7)), [9], 'versions between two commands count too')
  assert.deepEqual(versionsOf(ring.since(9)), [])
  assert.deepEqual(versionsOf(ring.since(100)), [])
})

test('a ring that began after a snapshot knows nothing of what was before it', () => {
  const ring = new ChangeRing(50)
  assert.equal(ring.since(49), null)
  assert.deepEqual(ring.since(50), [])
  ring.add(command(60))
  assert.equal(ring.since(49), null)
  assert.deepEqual(versionsOf(ring.since(50)), [60])
})

test('the oldest go when the bytes are over the limit, and asking for them says that they are gone', () => {
  const ring = new ChangeRing(0, 1_000)
  for (let version = 1; version <= 100; version++) ring.add(command(version))
  const kept = versionsOf(ring.since(ring.from))!
  assert(ring.from > 0)
  assert.deepEqual(kept[0], ring.from + 1)
  assert.equal(kept.at(-1), 100)
  assert.equal(ring.since(ring.from - 1), null)
})

test('a command larger than the whole ring is not kept, and what came before it is gone too', () => {
  const ring = new ChangeRing(0, 1_000)
  ring.add(command(1))
  ring.add(command(2, 5_000))
  assert.equal(ring.from, 2)
  assert.deepEqual(ring.since(2), [])
  assert.equal(ring.since(1), null)
  ring.add(command(3))
  assert.deepEqual(versionsOf(ring.since(2)), [3])
})

test('names of touched topics count as bytes: one short command can touch a hundred thousand', () => {
  const ring = new ChangeRing(0, 100_000)
  const topics = Array.from({ length: 1_000 }, (_, i) => `topic ${i}`)
  for (let version = 1; version <= 100; version++) ring.add(command(version, 100, topics))
  assert(ring.from > 80, `from is ${ring.from}`)
})

test('the ring answers as a list of everything would, or says that it cannot, and stays within its limit', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const chance = new Chance(seed)
    const bytesMax = chance.between(500, 5_000)
    const ring = new ChangeRing(0, bytesMax)
    const all: AcceptedCommand[] = []
    let version = 0
    for (let i = 0; i < 100; i++) {
      version += chance.between(1, 3)
      const added = command(version, chance.between(1, chance.happens(0.02) ? 6_000 : 300))
      ring.add(added)
      all.push(added)
      const asked = chance.between(0, version + 2)
      const found = ring.since(asked)
      if (asked < ring.from) assert.equal(found, null)
      else
        assert.deepEqual(
          found,
          all.filter(one => one.version > asked),
        )
      const kept = ring.since(ring.from)!
      const bytes = kept.reduce((sum, { commandData }) => sum + commandData.length, 0)
      assert(bytes <= bytesMax, `seed ${seed}: ${bytes} of ${bytesMax} bytes`)
      const more = all.length - kept.length
      const dropped = more === 0 ? 0 : all[more - 1]!.version
      assert.equal(ring.from, dropped, 'everything after `from` is here')
    }
    assert(ring.from > 0, `seed ${seed}: nothing was dropped`)
  }
})
