import type { Options } from './options.ts'
import { runTask } from './task.ts'
import { failureText, Totals } from './totals.ts'

/** One run in this process. Returns the exit status. */
export async function replay(options: Options): Promise<number> {
  const { seed, trace, json } = options
  const write = trace ? (line: string) => void process.stdout.write(`${line}\n`) : null
  // Who reads only the first lines is not to blame.
  process.stdout.on('error', () => process.exit(1))
  const totals = new Totals(options)
  const result = await runTask(options, write)
  totals.add(result)
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else
    process.stdout.write(
      `${result.failure === null ? `seed ${seed}: sound\n` : failureText(result, options)}${totals.summary()}`,
    )
  return result.failure === null ? 0 : 1
}
