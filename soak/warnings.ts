import type { NodeProcess } from '../test/cluster/processes.ts'

const WARN = 40

/** What nodes logged as a warning or worse, as far as it is kept: why something went wrong. */
export function warningsOf(nodes: readonly NodeProcess[]): string[] {
  return nodes.flatMap(({ kind, entry, output }) => {
    const own = output.split('\n').filter(isWarning)
    return own.map(line => `${kind} ${entry.id}: ${line}`)
  })
}

function isWarning(line: string): boolean {
  try {
    return (JSON.parse(line) as { level?: number }).level! >= WARN
  } catch {
    // The first line kept may be the end of a longer one.
    return false
  }
}
