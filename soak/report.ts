/** What a long run found: figures, named with their units, and what is wrong (empty: nothing). */
export type Report = {
  readonly figures: Readonly<Record<string, Figure>>
  readonly violations: readonly string[]
}
export type Figure = number | string | null | Readonly<Record<string, number | string>>

/** One figure per line, what belongs together indented. */
export function linesOf({ figures }: Report): string[] {
  return Object.entries(figures).flatMap(([name, figure]) => {
    if (typeof figure !== 'object' || figure === null) return [`${name.padEnd(28)} ${shown(figure)}`]
    return [name, ...Object.entries(figure).map(([what, value]) => `  ${shown(value).padStart(10)}  ${what}`)]
  })
}

function shown(value: number | string | null): string {
  if (value === null) return 'not measured'
  return typeof value === 'number' ? String(Math.round(value * 100) / 100) : value
}
