import assert from 'node:assert/strict'
import type { NodeProcess } from '../cluster/processes.ts'

export type Sample = {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
export type Family = {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly samples: readonly Sample[]
}

/**
 * Reads the Prometheus text format 0.0.4, and fails on whatever it does not allow, or what no scraper could make sense
 * of: samples away from their family, series told twice, counters below zero, histograms that do not add up.
 */
export function parseExposition(text: string): Map<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line ends')
  const families = new Map<string, { name: string; help: string; type: string; samples: Sample[] }>()
  let help = { name: '', text: '' }
  let family: { name: string; help: string; type: string; samples: Sample[] } | null = null
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line)
    if (comment?.[1] === 'HELP') {
      help = { name: comment[2]!, text: comment[3]! }
      family = null
    } else if (comment?.[1] === 'TYPE') {
      const [, , name, type] = comment as unknown as [string, string, string, string]
      assert.equal(help.name, name, `HELP goes before TYPE: ${line}`)
      assert.match(type, /^(counter|gauge|histogram)$/, line)
      assert.ok(!families.has(name), `the family is told once: ${line}`)
      family = { name, type, help: help.text, samples: [] }
      families.set(name, family)
    } else {
      const sample = parseSample(line)
      assert.ok(family !== null, `a sample belongs to a family: ${line}`)
      const own = family.type === 'histogram' ? /^_(bucket|sum|count)$/ : /^$/
      assert.ok(sample.name.startsWith(family.name), `it stands with its family: ${line}`)
      assert.match(sample.name.slice(family.name.length), own, line)
      family.samples.push(sample)
    }
  }
  for (const each of families.values()) check(each)
  return families
}

const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y

function parseSample(line: string): Sample {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.+)\})? (-?[0-9.]+(?:e[+-]?\d+)?|[+-]Inf|NaN)$/.exec(line)
  assert.ok(match !== null, `not a sample: ${line}`)
  const [, name, inside = '', value] = match
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < inside.length) {
    const label = LABEL.exec(inside)
    assert.ok(label !== null, `not a list of labels: ${line}`)
    assert.ok(!(label[1]! in labels), `a label is told twice: ${line}`)
    labels[label[1]!] = label[2]!
  }
  return { name: name!, labels, value: Number(value!.replace('Inf', 'Infinity')) }
}

function check({ name, type, samples }: Family): void {
  const keys = samples.map(sample => `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`)
  assert.equal(new Set(keys).size, keys.length, `${name}: every series once`)
  for (const { value } of samples) assert.ok(!Number.isNaN(value), `${name} is a number`)
  if (type !== 'gauge') assert.ok(samples.every(({ value }) => value >= 0, `${name} is not negative`))
  if (type === 'counter') assert.match(name, /_total$/, 'counters end with _total')
  if (type === 'histogram') checkHistogram(name, samples)
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const without = ({ labels: { le: _, ...rest } }: Sample): string =>
    JSON.stringify(Object.entries(rest).sort())
  for (const series of new Set(samples.map(without))) {
    const own = samples.filter(sample => without(sample) === series)
    const buckets = own.filter(sample => sample.name === `${name}_bucket`)
    const bounds = buckets.map(({ labels }) => Number(labels.le!.replace('Inf', 'Infinity')))
    const ascending = (values: number[]): boolean => values.every((v, i) => i === 0 || v >= values[i - 1]!)
    assert.ok(bounds.length > 1 && ascending(bounds) && bounds.at(-1) === Number.POSITIVE_INFINITY, name)
    assert.ok(ascending(buckets.map(({ value }) => value)), `${name}: buckets hold what smaller ones hold`)
    const [count] = own.filter(sample => sample.name === `${name}_count`)
    const [sum] = own.filter(sample => sample.name === `${name}_sum`)
    assert.equal(count?.value, buckets.at(-1)!.value, `${name}: +Inf holds all`)
    assert.ok(sum !== undefined && own.length === buckets.length + 2, `${name} is whole`)
  }
}

export async function scrape(node: NodeProcess): Promise<Map<string, Family>> {
  const response = await fetch(`${node.url}/metrics`, { signal: AbortSignal.timeout(15_000) })
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  return parseExposition(await response.text())
}

/** The one value of a metric with these labels; undefined: there is none. */
export function sampleOf(
  families: Map<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const family = [...families.values()].find(
    each => name.startsWith(each.name) && each.samples.some(s => s.name === name),
  )
  const found = (family?.samples ?? []).filter(
    sample =>
      sample.name === name && Object.entries(labels).every(([label, text]) => sample.labels[label] === text),
  )
  assert.ok(found.length <= 1, `${name} ${JSON.stringify(labels)} is one series`)
  return found[0]?.value
}
