import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LossRehearsal } from '../../../src/server/loss-rehearsal.ts'

/** A node with so many partitions, and what it does in its pauses. */
function stage(partitionCount: number) {
  const image = { partitionCount }
  const listeners: (() => void)[] = []
  const pauses: (() => void)[] = []
  const timer = (_: number, run: () => void) => {
    pauses.push(run)
    return { cancel: () => void pauses.splice(pauses.indexOf(run), 1) }
  }
  const replica = { image, onChange: (listener: () => void) => void listeners.push(listener) }
  const rehearsal = new LossRehearsal(replica as never, { timer })
  const becomes = (count: number): void => {
    image.partitionCount = count
    for (const listener of listeners) listener()
  }
  return { rehearsal, pauses, becomes }
}

test('a small cluster rehearses nothing', () => {
  const { pauses, becomes } = stage(0)
  becomes(99_999)
  assert.equal(pauses.length, 0)
})

test('a large one rehearses in pauses, once, whether it grew or was restored', () => {
  const { pauses, becomes } = stage(1_000_000)
  let rounds = 0
  for (; pauses.length > 0; rounds++) {
    pauses.shift()!()
    becomes(2_000_000)
  }
  assert(rounds > 1 && rounds < 20, `${rounds} rounds`)
  const grown = stage(10)
  grown.becomes(100_000)
  assert.equal(grown.pauses.length, 1)
})

test('a node that stops rehearses no further', () => {
  const { rehearsal, pauses, becomes } = stage(200_000)
  rehearsal.stop()
  becomes(300_000)
  assert.equal(pauses.length, 0)
})
