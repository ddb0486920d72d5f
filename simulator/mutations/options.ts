import { parseArgs } from 'node:util'
import type { Mutation } from './mutation.ts'

export type Options = {
  readonly chosen: readonly Mutation[]
  readonly form: 'lines' | 'table' | 'json'
  readonly help: boolean
}

export const HELP = `Plants each known bug in a copy of the code, one at a time, and runs the simulator on it until one of its runs fails.
Exits with 1 if a bug escapes, or cannot be planted because the code has changed.

Usage: npm run mutate -- [OPTION ...] [PART ...]

  PART       only bugs whose case and name contain it, or another PART, such as "T19 " or "snapshot" (default: all)
  --table    the result as tables in Markdown, as docs/raft.md has them, on standard output: of consensus, of the whole system
  --json     the result as JSON on standard output
  --help     this text

Examples:
  npm run mutate
  npm run mutate -- "the later last term wins"
  npm run mutate -- "SYS " --table
  npm run mutate -- T26 T27 --json
`

/** Which of `all` to plant, and how to tell the result; or what is wrong with what was asked for. */
export function readOptions(args: readonly string[], all: readonly Mutation[]): Options | { wrong: string } {
  try {
    return parse(args, all)
  } catch (error) {
    return { wrong: `${(error as Error).message}. See --help.` }
  }
}

function parse(args: readonly string[], all: readonly Mutation[]): Options {
  const flag = { type: 'boolean', default: false } as const
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { table: flag, json: flag, help: flag },
  })
  if (values.table && values.json) throw new Error('--table and --json are both given; expected one of them')
  const of = (part: string) => all.filter(({ id, bugClass }) => `${bugClass} ${id}`.includes(part))
  const nothing = positionals.find(part => of(part).length === 0)
  if (nothing !== undefined)
    throw new Error(
      `no planted bug has ${JSON.stringify(nothing)} in its case and name; npm run mutate -- ${JSON.stringify(all[0]?.id)} is one that there is`,
    )
  const wanted = new Set(positionals.flatMap(of))
  return {
    chosen: positionals.length === 0 ? all : all.filter(mutation => wanted.has(mutation)),
    form: values.table ? 'table' : values.json ? 'json' : 'lines',
    help: values.help,
  }
}
