import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { MUTATIONS } from './mutations/all.ts'
import type { Edit, Mutation } from './mutations/mutation.ts'
import { HELP, type Options, readOptions } from './mutations/options.ts'
import { hasEscaped, jsonOf, lineOf, type Outcome, summaryOf, tablesOf } from './mutations/outcome.ts'
import type { RunResult } from './run.ts'

/**
 * npm run mutate [-- PART_OF_A_NAME ...]: plants each bug in a copy of the code, one at a time, and runs the simulator on it
 * until it is caught. Fails if one escapes, or cannot be planted because the code has changed. --help tells the rest.
 */
const SEEDS_MAX = 300
const FIRST_SEED = 1
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
const root = dirname(import.meta.dirname)
const COPIED = ['src', 'simulator', 'test/unit/log', 'package.json', 'tsconfig.json']

const options = readOptions(process.argv.slice(2), MUTATIONS)
if ('wrong' in options) {
  process.stderr.write(`mutate: ${options.wrong}\n`)
  process.exitCode = 2
} else if (options.help) process.stdout.write(HELP)
else process.exitCode = runAll(options)

function runAll({ chosen, form }: Options): number {
  const watching = form === 'lines' ? process.stdout : process.stderr
  const outcomes = chosen.map(mutation => {
    const outcome = mutation.foundBy === undefined ? run(mutation) : notRun(mutation)
    watching.write(`${lineOf(outcome)}\n`)
    return outcome
  })
  if (form === 'table') process.stdout.write(tablesOf(outcomes, SEEDS_MAX))
  if (form === 'json') process.stdout.write(jsonOf(outcomes, SEEDS_MAX))
  watching.write(`${summaryOf(outcomes)}\n`)
  return outcomes.some(hasEscaped) ? 1 : 0
}

function notRun(mutation: Mutation): Outcome {
  return { mutation, caught: null, seeds: 0, seconds: 0 }
}

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
