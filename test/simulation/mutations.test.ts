import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MUTATIONS } from '../../simulator/mutations/all.ts'

const root = join(import.meta.dirname, '../..')

test('every planted bug has its place in the code as it is now, exactly one', () => {
  for (const { id, edits } of MUTATIONS) {
    for (const { file, find } of edits) {
      const found = readFileSync(join(root, file), 'utf8').split(find).length - 1
      assert.equal(found, 1, `"${id}" looks for this in ${file}:\n${find}`)
    }
  }
})

test('no two planted bugs have the same name', () => {
  const names = MUTATIONS.map(({ id }) => id)
  assert.deepEqual(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  )
})
