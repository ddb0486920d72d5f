import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import { settled, Timeline } from '../../../simulator/world/timeline.ts'

function order(timeline: Timeline, end = Number.POSITIVE_INFINITY): number[] {
  const times: number[] = []
  for (let next = timeline.next(end); next !== null; next = timeline.next(end)) {
    next.run()
    times.push(timeline.now)
  }
  return times
}

test('what is planned happens in the order of time', () => {
  const timeline = new Timeline()
  const chance = new Chance(1)
  const times = Array.from({ length: 500 }, () => chance.between(0, 100))
  for (const time of times) timeline.at(time, () => {})
  assert.deepEqual(
    order(timeline),
    times.toSorted((a, b) => a - b),
  )
})

test('what is due at the same moment happens in the order of planning', () => {
  const timeline = new Timeline()
  const done: number[] = []
  for (let i = 0; i < 50; i++) timeline.at(7, () => done.push(i))
  order(timeline)
  assert.deepEqual(done, [...done.keys()])
})

test('what is cancelled does not happen, and nothing happens before its time', () => {
  const timeline = new Timeline()
  timeline.at(1, () => assert.fail('cancelled')).cancelled = true
  timeline.at(5, () => {})
  assert.deepEqual(order(timeline, 4), [])
  assert.deepEqual(order(timeline, 5), [5])
})

test('settled waits for promises that promises bring forth', async () => {
  let done = false
  const deep = async (): Promise<void> => {
    for (let i = 0; i < 1_000; i++) await null
    await Promise.all([1, 2, 3].map(async i => await i))
    done = true
  }
  void deep()
  await settled()
  assert(done)
})
