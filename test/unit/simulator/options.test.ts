import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Options, readOptions } from '../../../simulator/runner/options.ts'

function read(...args: string[]): Options {
  const options = readOptions(args)
  assert(!('wrong' in options), JSON.stringify(options))
  return options
}

test('one seed is one run, minutes are as many as fit, and otherwise there are a hundred', () => {
  assert.equal(read('--seed', '0').seeds, 1)
  assert.equal(read('--seed', '7', '--seeds', '3').seeds, 3)
  assert.equal(read('--minutes', '0.5').seeds, Number.POSITIVE_INFINITY)
  assert.equal(read().seeds, 100)
})

test('what is no number between the bounds is refused, and says what was given', () => {
  for (const text of ['', ' ', 'x', '-1', '1.5', 'Infinity'])
    for (const option of ['seed', 'seeds', 'nodes', 'brokers', 'workers']) {
      const options = readOptions([`--${option}=${text}`])
      assert('wrong' in options && options.wrong.includes(`--${option} is "${text}"`), `--${option}=${text}`)
    }
})
