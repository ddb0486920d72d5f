import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import { SortedNames } from '../../../src/metadata/sorted-names.ts'

test('names are sorted, whatever came and went, and lists that were handed out stay', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const chance = new Chance(seed)
    const [names, model] = [new SortedNames(), new Set<string>()]
    const handedOut: (readonly [list: readonly string[], was: string[]])[] = []
    for (let step = 0; step < 200; step++) {
      const name = `t${chance.between(0, 30)}`
      if (model.delete(name)) names.remove(name)
      else {
        model.add(name)
        names.add(name)
      }
      if (!chance.happens(0.2)) continue
      assert.deepEqual(names.all(), [...model].sort())
      handedOut.push([names.all(), [...names.all()]])
    }
    for (const [list, was] of handedOut) assert.deepEqual(list, was)
  }
})

test('what is loaded must come sorted, each name once', () => {
  const names = new SortedNames()
  names.load(['a', 'b'])
  names.load(['c'])
  assert.deepEqual(names.all(), ['a', 'b', 'c'])
  for (const wrong of [['c'], ['a'], ['e', 'd']])
    assert.throws(() => names.load(wrong), /names come sorted, each once/)
})
