import { parseArgs } from 'node:util'
import { readNumber } from '../simulator/runner/number-option.ts'
import { MODES, type Mode, type NumberOption, type Values } from './modes.ts'

export type Options = {
  readonly name: string
  readonly mode: Mode
  readonly values: Values
  readonly flags: ReadonlySet<string>
  readonly json: boolean
}

const STANDARD = 'faults'

/** What to run, what is wrong with what was asked for, or the help that was asked for. */
export function readOptions(args: readonly string[]): Options | { wrong: string } | { help: string } {
  try {
    return parse(args)
  } catch (error) {
    return { wrong: `${(error as Error).message}. See --help.` }
  }
}

function parse(args: readonly string[]): Options | { help: string } {
  const named = args[0] !== undefined && !args[0].startsWith('-')
  const name = named ? args[0]! : STANDARD
  const mode = Object.hasOwn(MODES, name) ? MODES[name] : undefined
  if (mode === undefined)
    throw new Error(
      `there is no mode ${JSON.stringify(name)}; expected one of ${Object.keys(MODES).join(', ')}`,
    )
  const ownFlags = Object.keys(mode.flags ?? {})
  const strings = Object.keys(mode.options).map(option => [option, { type: 'string' } as const])
  const booleans = ['json', 'help', ...ownFlags].map(option => [option, { type: 'boolean' } as const])
  const given: Readonly<Record<string, unknown>> = parseArgs({
    args: args.slice(named ? 1 : 0),
    options: Object.fromEntries([...strings, ...booleans]),
  }).values
  if (given.help === true) return { help: HELP }
  const values = Object.entries(mode.options).map(([option, spec]) => {
    return [option, number(option, given[option] as string | undefined, spec)] as const
  })
  const flags = new Set(ownFlags.filter(option => given[option] === true))
  return { name, mode, values: Object.fromEntries(values), flags, json: given.json === true }
}

function number(name: string, text: string | undefined, spec: NumberOption): number {
  if (text !== undefined) return readNumber(name, text, spec.least, spec.most)
  return spec.default === 'drawn' ? Date.now() % 1_000_000 : spec.default
}

function modeHelp([name, { purpose, options, flags = {} }]: [string, Mode]): string {
  const lines = Object.entries(options).map(
    ([option, { what, default: standard }]) =>
      `      --${`${option} N`.padEnd(11)} ${what} (default: ${standard})`,
  )
  lines.push(...Object.entries(flags).map(([flag, what]) => `      --${flag.padEnd(11)} ${what}`))
  return `  ${name}: ${purpose}\n${lines.join('\n')}`
}

const HELP = `Runs a cluster of real processes for long, and tells what it found. Exits with 1 if anything is wrong.

Usage: npm run soak -- [MODE] [OPTION ...]

Modes, with their options (default: ${STANDARD}):

${Object.entries(MODES).map(modeHelp).join('\n\n')}

For all of them:
      --json        the result as JSON on standard output, what goes on on standard error
      --help        this text

Examples:
  npm run soak -- --minutes 1 --seed 7 --nodes 5
  npm run soak -- load --minutes 10 --clients 128
  npm run soak -- minority --minutes 1 --kill
  npm run soak -- rejoin --entries 500000 --json
`
