import type { RunResult } from '../run.ts'
import type { Options } from './options.ts'
import { Seat } from './seat.ts'
import { failureText, Totals } from './totals.ts'

const PROGRESS_MS = 500

/** Many seeds on several processes. Returns the exit status. */
export async function runBatch(options: Options): Promise<number> {
  const totals = new Totals(options)
  const showProgress = !options.json && process.stderr.isTTY === true
  const progress = showProgress ? setInterval(() => tell(totals, options), PROGRESS_MS) : null
  const stopped = interrupted()
  await runAll(options, totals, stopped)
  if (progress !== null) {
    clearInterval(progress)
    process.stderr.write('\r\x1b[K')
  }
  process.stdout.write(options.json ? `${JSON.stringify(totals)}\n` : report(totals, options))
  return totals.ok ? 0 : 1
}

/** Ctrl-C, or the end of a job: what has run so far is told. Once more, and it ends at once. */
function interrupted(): () => boolean {
  let stopped = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      stopped = true
    })
  }
  return () => stopped
}

async function runAll(options: Options, totals: Totals, stopped: () => boolean): Promise<void> {
  const end = performance.now() + options.minutes * 60_000
  let next = options.seed
  const over = (): boolean =>
    stopped() ||
    next >= options.seed + options.seeds ||
    (options.minutes > 0 && performance.now() > end) ||
    (totals.failures.length > 0 && !options.keepGoing)
  const take = async (): Promise<void> => {
    const seat = new Seat()
    while (!over()) {
      const result = await seat.run({ ...options, seed: next++ })
      totals.add(result)
      if (result.failure !== null && !options.json) tellFailure(result, options)
    }
    seat.leave()
  }
  await Promise.all(Array.from({ length: Math.min(options.workers, options.seeds) }, take))
}

function tellFailure(result: RunResult, options: Options): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  process.stdout.write(failureText(result, options))
}

function tell(totals: Totals, { seeds, minutes }: Options): void {
  const of = Number.isFinite(seeds) ? ` of ${seeds}` : ` (${minutes} minutes)`
  process.stderr.write(`\r\x1b[K${totals.seeds}${of} seeds, ${totals.failures.length} failed`)
}

function report(totals: Totals, { seed }: Options): string {
  const lacks = totals.missing.length === 0 ? '' : `never happened: ${totals.missing.join(', ')}\n`
  return `${totals.coverageTable()}\nfrom seed ${seed}: ${totals.summary()}${lacks}${totals.ok ? 'sound' : 'NOT SOUND'}\n`
}
