import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { MUTATIONS } from './mutations/all.ts'
import type { Edit, Mutation } from './mutations/mutation.ts'
import type { RunResult } from './run.ts'

/**
 * npm run mutate [-- PART_OF_A_NAME ...]: plants each bug in a copy of the code, one at a time, and runs the simulator on it
 * until it is caught. Fails if one escapes, or cannot be planted because the code has changed.
 */
const SEEDS_MAX = 300
const FIRST_SEED = 1
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
const root = dirname(import.meta.dirname)
const COPIED = ['src', 'simulator', 'test/unit/log', 'package.json', 'tsconfig.json']

type Outcome = {
  readonly mutation: Mutation
  readonly caught: string | null
  readonly seeds: number
  readonly seconds: number
}

const wanted = process.argv.slice(2)
const isWanted = (name: string): boolean => wanted.length === 0 || wanted.some(part => name.includes(part))
const chosen = MUTATIONS.filter(({ id, bugClass }) => isWanted(`${bugClass} ${id}`))
const outcomes: Outcome[] = []
for (const { bugClass, id, foundBy } of chosen.filter(({ foundBy }) => foundBy !== undefined))
  process.stdout.write(`${bugClass.padEnd(4)} ${id.padEnd(75)} open: found by ${foundBy} only\n`)
for (const mutation of chosen.filter(({ foundBy }) => foundBy === undefined)) {
  const outcome = run(mutation)
  outcomes.push(outcome)
  process.stdout.write(`${row(outcome)}\n`)
}
const escaped = outcomes.filter(({ caught }) => caught === null)
process.stdout.write(`${outcomes.length - escaped.length} of ${outcomes.length} planted bugs were caught\n`)
process.exitCode = escaped.length === 0 && outcomes.length > 0 ? 0 : 1

function run(mutation: Mutation): Outcome {
  const began = performance.now()
  const folder = mkdtempSync(join(tmpdir(), 'dmq-mutation-'))
  try {
    copy(folder)
    for (const edit of mutation.edits) plant(folder, mutation, edit)
    const { caught, seeds } = simulate(folder, mutation)
    return { mutation, caught, seeds, seconds: (performance.now() - began) / 1000 }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function copy(folder: string): void {
  for (const name of COPIED) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    cpSync(join(root, name), join(folder, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
}

function plant(folder: string, { id }: Mutation, { file, find, replace }: Edit): void {
  const path = join(folder, file)
  const source = readFileSync(path, 'utf8')
  const found = source.split(find).length - 1
  if (found !== 1) throw new Error(`"${id}" looks for this in ${file} and finds it ${found} times:\n${find}`)
  writeFileSync(
    path,
    source.replace(find, () => replace),
  )
}

function simulate(folder: string, { nodes, brokers }: Mutation): { caught: string | null; seeds: number } {
  const args = ['simulator/main.ts', '--seed', String(FIRST_SEED), '--seeds', String(SEEDS_MAX), '--json']
  if (nodes !== undefined) args.push('--nodes', String(nodes))
  if (brokers !== undefined) args.push('--brokers', String(brokers))
  const { stdout } = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX,
  })
  const { failures } = JSON.parse(stdout) as { failures: RunResult[] }
  const first = failures.toSorted((a, b) => a.seed - b.seed)[0]
  if (first === undefined) return { caught: null, seeds: SEEDS_MAX }
  return { caught: first.failure!.invariant, seeds: first.seed - FIRST_SEED + 1 }
}

function row({ mutation: { id, bugClass }, caught, seeds, seconds }: Outcome): string {
  const verdict =
    caught === null
      ? `ESCAPED ${seeds} seeds`
      : `${caught.padEnd(9)} after ${String(seeds).padStart(3)} seeds`
  return `${bugClass.padEnd(5)}${id.padEnd(76)}${verdict} (${seconds.toFixed(1)} s)`
}
