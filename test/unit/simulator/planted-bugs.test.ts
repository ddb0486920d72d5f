import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MUTATIONS } from '../../../simulator/mutations/all.ts'
import { HELP, readOptions } from '../../../simulator/mutations/options.ts'
import { hasEscaped, jsonOf, lineOf, summaryOf, tablesOf } from '../../../simulator/mutations/outcome.ts'

const edits = [] as const
const caught = { mutation: { id: 'a bug', bugClass: 'T1', edits }, caught: 'I3', seeds: 4, seconds: 1 }
const escaped = { mutation: { id: 'a mole', bugClass: 'T2', edits }, caught: null, seeds: 300, seconds: 9 }
const open = {
  mutation: { id: 'a gap', bugClass: 'T3', edits, foundBy: 'test/gap.test.ts' },
  caught: null,
  seeds: 0,
  seconds: 0,
}
const ofSystem = { ...caught, mutation: { ...caught.mutation, id: 'a leak', bugClass: 'SYS', brokers: 4 } }

function chosen(...args: string[]): string[] {
  const options = readOptions(args, MUTATIONS)
  assert(!('wrong' in options), JSON.stringify(options))
  return options.chosen.map(({ id }) => id)
}

test('a part chooses the bugs whose case or name contain it; no part chooses all, in their order', () => {
  assert.deepEqual(
    chosen(),
    MUTATIONS.map(({ id }) => id),
  )
  assert.deepEqual(chosen('the later last term wins'), ['the later last term wins, whatever the length'])
  const two = chosen('T27 ', 'T26 ')
  assert.deepEqual(
    two,
    MUTATIONS.filter(({ bugClass }) => ['T26', 'T27'].includes(bugClass)).map(({ id }) => id),
  )
})

test('a part that no bug has is an error, also beside one that some have', () => {
  for (const args of [['nonsense'], ['T26', 'nonsense']]) {
    const options = readOptions(args, MUTATIONS)
    assert('wrong' in options)
    assert.match(options.wrong, /^no planted bug has "nonsense" in its case and name/)
  }
})

test('an option that there is not, and two forms at once, are errors', () => {
  for (const args of [['--tabel'], ['--table', '--json']])
    assert('wrong' in readOptions(args, MUTATIONS), args.join(' '))
})

test('the help names every option', () => {
  for (const option of ['--table', '--json', '--help']) assert(HELP.includes(option))
})

test('the table has the form of the page, and the bugs of the whole system are another', () => {
  const head = '| planted | case | caught by | seeds |\n|---|---|---|---|\n'
  assert(readFileSync(join(import.meta.dirname, '../../../docs/raft.md'), 'utf8').includes(head))
  assert.equal(
    tablesOf([caught, open, escaped, ofSystem], 300),
    `${head}| a bug | T1 | I3 | 4 |\n| a gap | T3 | not within 300 seeds; by \`test/gap.test.ts\` | |\n| a mole | T2 | not within 300 seeds | |\n\n${head}| a leak | SYS | I3 | 4 |\n`,
  )
})

test('only what was run and not caught has escaped', () => {
  assert.deepEqual([caught, open, escaped].map(hasEscaped), [false, false, true])
  assert.equal(summaryOf([caught, open, escaped]), '1 of 2 planted bugs were caught, 1 open')
  assert.match(lineOf(escaped), /ESCAPED 300 seeds/)
  assert.match(lineOf(open), /open: found by test\/gap\.test\.ts only/)
  const { escaped: count, planted } = JSON.parse(jsonOf([caught, open, escaped], 300))
  assert.equal(count, 1)
  assert.deepEqual(planted[0], {
    name: 'a bug',
    case: 'T1',
    caughtBy: 'I3',
    seeds: 4,
    seconds: 1,
    foundBy: null,
  })
  assert.deepEqual([planted[1].seeds, planted[1].foundBy], [null, 'test/gap.test.ts'])
})
