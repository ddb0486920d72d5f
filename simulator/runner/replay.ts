import { runSeed } from '../run.ts'
import type { Options } from './options.ts'
import { failureText, Totals } from './totals.ts'

/** One run in this process. Returns the exit status. */
export async function replay({ seed, nodes, trace, json }: Options): Promise<number> {
  const write = trace ? (line: string) => void process.stdout.write(`${line}\n`) : null
  // Who reads only the first lines is not to blame.
  process.stdout.on('error', () => process.exit(1))
  const totals = new Totals()
  const result = await runSeed({ seed, nodes, write })
  totals.add(result)
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else
    process.stdout.write(
      `${result.failure === null ? `seed ${seed}: sound\n` : failureText(result, nodes)}${totals.summary()}`,
    )
  return result.failure === null ? 0 : 1
}
