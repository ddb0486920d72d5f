import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import { ReplicaLists } from '../../../src/metadata/replica-lists.ts'

const LISTS = [[1], [1, 2], [2, 1], [3], [1, 2, 3], [7, 8, 9]]

test('lists that are captured come back under the same ids, with their uses, and free ids free', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const chance = new Chance(seed)
    const lists = new ReplicaLists()
    const used: { id: number; replicas: readonly number[] }[] = []
    for (let step = 0; step < 40; step++) {
      if (used.length > 0 && chance.happens(0.5)) {
        const [gone] = used.splice(chance.between(0, used.length - 1), 1)
        lists.release(gone!.id)
      } else {
        const replicas = chance.pick(LISTS)
        used.push({ id: lists.intern(replicas), replicas })
      }
    }
    const captured = JSON.parse(JSON.stringify(lists.capture()))
    const copy = ReplicaLists.from(captured)
    assert.deepEqual(copy.capture(), lists.capture())
    for (const { id, replicas } of used) assert.deepEqual(copy.at(id), replicas)
    assertGoesOn(copy, used)
  }
})

/** Each list is found again, stays as long as it is used, and its id is given out again then. */
function assertGoesOn(
  lists: ReplicaLists,
  used: readonly { id: number; replicas: readonly number[] }[],
): void {
  const size = lists.capture().length
  for (const { id, replicas } of used) assert.equal(lists.intern(replicas), id)
  for (const { id } of [...used, ...used]) lists.release(id)
  assert.ok(lists.capture().every(held => held === null))
  for (const { id } of used) assert.throws(() => lists.release(id), /only used lists are released/)
  const ids = Array.from({ length: size }, (_, i) => lists.intern([100 + i]))
  assert.deepEqual(
    [...ids].sort((a, b) => a - b),
    [...ids.keys()],
    'every id was free, and given out once',
  )
}

test('what is captured does not change with the lists', () => {
  const lists = new ReplicaLists()
  const id = lists.intern([1, 2])
  lists.intern([1, 2])
  const captured = lists.capture()
  lists.release(id)
  lists.release(id)
  lists.intern([9])
  assert.deepEqual(captured, [[[1, 2], 2]])
  assert.deepEqual(lists.capture(), [[[9], 1]])
})

test('a list that nobody uses is not captured', () => {
  const lists = new ReplicaLists()
  lists.release(lists.intern([1]))
  lists.intern([2])
  lists.release(lists.intern([3]))
  assert.deepEqual(lists.capture(), [[[2], 1], null])
  assert.deepEqual([...ReplicaLists.from([null, [[2], 1]]).listsWith(2)], [0, 1])
})
