import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { readNumber } from './number-option.ts'

export type Options = {
  /** The first seed. */
  readonly seed: number
  readonly seeds: number
  readonly minutes: number
  readonly nodes: number | null
  readonly brokers: number | null
  readonly workers: number
  readonly trace: boolean
  readonly json: boolean
  readonly keepGoing: boolean
  readonly help: boolean
}

export const HELP = `Runs whole clusters of metadata nodes in one process, on a virtual clock, network and disk, and breaks them.
One seed is one run, and the same run every time.

Usage: npm run simulate -- [OPTION ...]

  --seeds N      how many runs (default 100; 1 when --seed is given)
  --minutes M    as many runs as fit in M minutes, instead of --seeds
  --seed S       the first seed (default: drawn); alone, that one run
  --nodes K      metadata nodes, 1 to 7 (default: as each seed draws)
  --brokers N    the whole system: a controller at work, and N storage nodes with logs, 2 to 9 (default: none)
  --trace        tell the run, one line per event, with virtual time
  --workers W    processes (default: one for each core)
  --keep-going   do not stop at the first failure
  --json         the result as JSON on standard output
  --help         this text

Examples:
  npm run simulate -- --seeds 300
  npm run simulate -- --minutes 30 --keep-going
  npm run simulate -- --seed 12345 --trace
  npm run simulate -- --seeds 100 --nodes 5 --json
  npm run simulate -- --brokers 5 --seeds 200
`

export function readOptions(args: readonly string[]): Options | { wrong: string } {
  try {
    return checked(parse(args))
  } catch (error) {
    return { wrong: `${(error as Error).message}. See --help.` }
  }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  return parseArgs({
    args: [...args],
    options: {
      seeds: text,
      minutes: text,
      seed: text,
      nodes: text,
      brokers: text,
      workers: text,
      trace: flag,
      'keep-going': flag,
      json: flag,
      help: flag,
    },
  }).values
}

function checked(values: ReturnType<typeof parse>): Options {
  const minutes = number('minutes', values.minutes, 0, 100_000) ?? 0
  const seed = number('seed', values.seed, 0, Number.MAX_SAFE_INTEGER)
  const standard = minutes > 0 ? Number.POSITIVE_INFINITY : seed === null ? 100 : 1
  return {
    seed: seed ?? Math.floor(Math.random() * 1e9),
    seeds: number('seeds', values.seeds, 1, 1e9) ?? standard,
    minutes,
    nodes: number('nodes', values.nodes, 1, 7),
    brokers: number('brokers', values.brokers, 2, 9),
    workers: number('workers', values.workers, 1, 256) ?? availableParallelism(),
    trace: values.trace,
    json: values.json,
    keepGoing: values['keep-going'],
    help: values.help,
  }
}

function number(name: string, text: string | undefined, least: number, most: number): number | null {
  return text === undefined ? null : readNumber(name, text, least, most)
}
