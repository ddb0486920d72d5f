import type { Mutation } from './mutation.ts'

/** What became of a planted bug. It is open, and was not run, if it has a `foundBy`. */
export type Outcome = {
  readonly mutation: Mutation
  /** The invariant that caught it; null: it escaped, or is open. */
  readonly caught: string | null
  readonly seeds: number
  readonly seconds: number
}

export function isOpen({ mutation }: Outcome): boolean {
  return mutation.foundBy !== undefined
}

export function hasEscaped(outcome: Outcome): boolean {
  return outcome.caught === null && !isOpen(outcome)
}

/** For whoever watches. */
export function lineOf(outcome: Outcome): string {
  const { mutation, caught, seeds, seconds } = outcome
  const { bugClass, id, foundBy } = mutation
  const name = `${bugClass.padEnd(5)}${id.padEnd(76)}`
  if (isOpen(outcome)) return `${name}open: found by ${foundBy} only`
  const verdict =
    caught === null
      ? `ESCAPED ${seeds} seeds`
      : `${caught.padEnd(9)} after ${String(seeds).padStart(3)} seeds`
  return `${name}${verdict} (${seconds.toFixed(1)} s)`
}

export function summaryOf(outcomes: readonly Outcome[]): string {
  const run = outcomes.filter(outcome => !isOpen(outcome))
  const caught = run.filter(outcome => !hasEscaped(outcome))
  const open = outcomes.length - run.length
  return `${caught.length} of ${run.length} planted bugs were caught${open === 0 ? '' : `, ${open} open`}`
}

/** As docs/raft.md has it; the bugs of the whole system are a table of their own. */
export function tablesOf(outcomes: readonly Outcome[], seedsMax: number): string {
  const ofSystem = (outcome: Outcome): boolean => outcome.mutation.brokers !== undefined
  const parts = [outcomes.filter(outcome => !ofSystem(outcome)), outcomes.filter(ofSystem)]
  return parts
    .filter(part => part.length > 0)
    .map(part => table(part, seedsMax))
    .join('\n')
}

function table(outcomes: readonly Outcome[], seedsMax: number): string {
  const rows = outcomes.map(({ mutation: { id, bugClass, foundBy }, caught, seeds }) => {
    const elsewhere = foundBy === undefined ? '' : `; by \`${foundBy}\``
    const found = caught === null ? `not within ${seedsMax} seeds${elsewhere} | |` : `${caught} | ${seeds} |`
    return `| ${id} | ${bugClass} | ${found}\n`
  })
  return `| planted | case | caught by | seeds |\n|---|---|---|---|\n${rows.join('')}`
}

export function jsonOf(outcomes: readonly Outcome[], seedsMax: number): string {
  const planted = outcomes.map(outcome => {
    const { mutation, caught, seeds, seconds } = outcome
    const { id, bugClass, foundBy = null } = mutation
    const ran = isOpen(outcome) ? { seeds: null, seconds: null } : { seeds, seconds }
    return { name: id, case: bugClass, caughtBy: caught, ...ran, foundBy }
  })
  const escaped = outcomes.filter(hasEscaped).length
  return `${JSON.stringify({ seedsMax, escaped, planted }, null, 2)}\n`
}
