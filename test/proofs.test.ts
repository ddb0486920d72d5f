import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CORPUS } from '../simulator/corpus.ts'
import { MUTATIONS } from '../simulator/mutations/all.ts'

// docs/raft.md says which test proves which rule: whoever renames or deletes a test has to say what proves it now.

const root = join(import.meta.dirname, '..')
const page = readFileSync(join(root, 'docs/raft.md'), 'utf8')
const plain = (text: string): string => text.replaceAll('’', "'").toLowerCase()
const titles = globSync('test/**/*.test.ts', { cwd: root }).flatMap(file =>
  [...readFileSync(join(root, file), 'utf8').matchAll(/\b(?:test|describe)\(\s*(['`])(.*?)\1,/gs)].map(
    ([, , title]) => plain(title!),
  ),
)

type Case = { readonly number: string; readonly claim: string }

/** The table of cases: names of tests between semicolons; dots stand for what is left out, brackets hold remarks. */
function cases(): Case[] {
  const rows = [...page.matchAll(/^\| (T\d+(?:, T\d+)*) \| (.*) \| .* \|$/gm)]
  return rows.flatMap(([, numbers, claims]) =>
    claims!
      .split(';')
      .flatMap(claim => numbers!.split(', ').map(number => ({ number, claim: claim.trim() }))),
  )
}

/** What nobody has under that name; null if all is there. */
function missing({ claim }: Case): string | null {
  const [kind, names] = claim.split(/^(golden|planted:) /).filter(part => part !== '')
  if (kind === 'golden') return names!.split(', ').find(name => !isScript(name)) ?? null
  if (kind === 'planted:')
    return names!.split(', ').find(name => !MUTATIONS.some(({ id }) => id === name)) ?? null
  const parts = plain(claim.replace(/ ?\([^)]*\)/g, ''))
    .split('...')
    .map(part => part.trim())
  // Nothing but dots and remarks would be in every title.
  if (parts.every(part => part === '')) return `a name: "${claim}"`
  return titles.some(title => parts.every(part => title.includes(part))) ? null : claim
}

function isScript(name: string): boolean {
  return existsSync(join(root, 'test/unit/raft/golden', `${name.replaceAll('`', '')}.txt`))
}

test('all forty cases of the field have a proof in docs/raft.md', () => {
  const told = new Set(cases().map(({ number }) => number))
  const all = Array.from({ length: 40 }, (_, i) => `T${i + 1}`)
  assert.deepEqual(
    all.filter(number => !told.has(number)),
    [],
  )
})

test('every proof that docs/raft.md names is there', () => {
  const absent = cases().flatMap(one => {
    const what = missing(one)
    return what === null ? [] : [`${one.number}: ${what}`]
  })
  assert.deepEqual(absent, [])
})

test('the table of planted bugs in docs/raft.md has each of them, and no other', () => {
  const [, table] = page.split('\n### Planted bugs\n')
  const told = [...table!.matchAll(/^\| ([^|]+) \| [TI]\d+ \| .*\|$/gm)].map(([, name]) => name!)
  const planted = MUTATIONS.filter(({ brokers }) => brokers === undefined).map(({ id }) => id)
  assert.deepEqual(told.toSorted(), planted.toSorted())
})

test('no seed is in the corpus twice', () => {
  const seeds = CORPUS.map(({ seed, nodes }) => `${seed}/${nodes}`)
  assert.equal(new Set(seeds).size, seeds.length)
})
