import { Command, InvalidArgumentError } from 'commander'

/** An option with its default: a whole number, a list of them, or a text. */
type Given = {
  readonly [flag: string]: readonly [otherwise: number | readonly number[] | string, purpose: string]
}
type Values<G extends Given> = {
  [Flag in keyof G]: G[Flag][0] extends number
    ? number
    : G[Flag][0] extends string
      ? string
      : readonly number[]
}

/** Options of the benchmark `name`. Ends the process with its usage where --help, or one that there is not, is given. */
export function benchOptions<const G extends Given>(name: string, question: string, given: G): Values<G> {
  const program = new Command(`npm run bench -- ${name}`).description(question).allowExcessArguments(false)
  for (const [flag, [otherwise, purpose]] of Object.entries(given)) {
    const kind = typeof otherwise === 'string' ? 'name' : 'n'
    program.option(
      `--${flag} <${kind}${Array.isArray(otherwise) ? ',...' : ''}>`,
      purpose,
      readAs(otherwise),
      otherwise,
    )
  }
  const [first] = Object.entries(given)
  if (first !== undefined)
    program.addHelpText(
      'after',
      `\nExamples:\n  npm run bench -- ${name}\n  npm run bench -- ${name} --${first[0]} ${first[1][0]}`,
    )
  return program.parse().opts() as Values<G>
}

function readAs(otherwise: Given[string][0]): (text: string) => unknown {
  if (typeof otherwise === 'string') return text => text
  if (typeof otherwise === 'number') return wholeNumber
  return text => text.split(',').map(wholeNumber)
}

function wholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw new InvalidArgumentError('A whole number was expected.')
}
