import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../cluster/processes.ts'

export type Row = {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
  readonly help: string
}

/** The rows of docs/metrics.md, or of one section of it with all that is under it. */
export function documented(section?: string): Row[] {
  const page = readFileSync(join(root, 'docs/metrics.md'), 'utf8')
  const parts = page.split(/^## /m)
  const text = section === undefined ? page : (parts.find(part => part.startsWith(`${section}\n`)) ?? '')
  return [...text.matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \| (.*) \|$/gm)].map(
    ([, name, type, labels, help]) => ({
      name: name!,
      type: type!,
      labels: [...labels!.matchAll(/`(\w+)`/g)].map(match => match[1]!).sort(),
      help: help!,
    }),
  )
}
