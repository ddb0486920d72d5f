import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Histogram } from '../../../src/base/histogram.ts'
import { Exposition } from '../../../src/server/metrics/exposition.ts'
import { LeadershipWatch } from '../../../src/server/metrics/leadership-watch.ts'
import { mirrorMetrics } from '../../../src/server/metrics/mirror.ts'
import { sessionLinkMetrics } from '../../../src/server/metrics/session-links.ts'
import { parseExposition, sampleOf } from '../../api/exposition-format.ts'
import { documented } from '../../api/metrics-page.ts'
import { FakeClock } from '../consensus/fake-clock.ts'

describe('a histogram', () => {
  test('counts each value in the first bucket that holds it', () => {
    const histogram = new Histogram([1, 5, 10])
    for (const value of [0, 1, 1.001, 5, 10, 10.5, 1e9]) histogram.observe(value)
    assert.deepEqual([...histogram.counts], [2, 2, 1, 2])
    assert.equal(histogram.sum, 0 + 1 + 1.001 + 5 + 10 + 10.5 + 1e9)
  })

  test('is told in seconds, each bucket with what the smaller ones hold, under bounds that can be read', async () => {
    const histogram = new Histogram([0.1, 0.3, 2.5, 1_000])
    for (const value of [0.1, 0.2, 2, 2, 5_000]) histogram.observe(value)
    const exposition = new Exposition()
    exposition.latency({ name: 'h_seconds', help: 'h' }, histogram)
    const [family] = parseExposition(await exposition.text()).values()
    assert.deepEqual(
      family!.samples.filter(({ labels }) => labels.le).map(({ labels, value }) => [labels.le, value]),
      [
        ['0.0001', 1],
        ['0.0003', 2],
        ['0.0025', 4],
        ['1', 4],
        ['+Inf', 5],
      ],
    )
    assert.ok(Math.abs(family!.samples.find(({ name }) => name === 'h_seconds_sum')!.value - 5.0043) < 1e-9)
  })
})

describe('the exposition', () => {
  test('reads the numbers when it is scraped, and forgets what is not told again', async () => {
    const exposition = new Exposition()
    let known = new Map([
      ['a', 1],
      ['b', 2],
    ])
    exposition.gauges({ name: 'g', help: 'g', labels: ['of'] }, tell => {
      for (const [of, value] of known) tell(value, { of })
    })
    let count = 3
    exposition.counter({ name: 'c_total', help: 'c' }, () => count)
    const first = parseExposition(await exposition.text())
    assert.deepEqual([sampleOf(first, 'g', { of: 'a' }), sampleOf(first, 'c_total')], [1, 3])
    known = new Map([['b', 7]])
    count = 5
    const second = parseExposition(await exposition.text())
    assert.equal(sampleOf(second, 'g', { of: 'a' }), undefined)
    assert.deepEqual([sampleOf(second, 'g', { of: 'b' }), sampleOf(second, 'c_total')], [7, 5])
  })

  test('has no sample of a gauge that has no value now', async () => {
    const exposition = new Exposition()
    let value: number | null = null
    exposition.gauge({ name: 'g', help: 'g' }, () => value)
    assert.equal(sampleOf(parseExposition(await exposition.text()), 'g'), undefined)
    value = 0
    assert.equal(sampleOf(parseExposition(await exposition.text()), 'g'), 0)
    value = null
    assert.equal(sampleOf(parseExposition(await exposition.text()), 'g'), undefined)
  })

  test('reads what several metrics share once in a scrape, and again in the next', async () => {
    const exposition = new Exposition()
    let reads = 0
    const shared = exposition.once(() => ++reads)
    exposition.gauge({ name: 'a', help: 'a' }, shared)
    exposition.gauge({ name: 'b', help: 'b' }, shared)
    for (const expected of [1, 2]) {
      const families = parseExposition(await exposition.text())
      assert.deepEqual([sampleOf(families, 'a'), sampleOf(families, 'b')], [expected, expected])
    }
  })

  test('escapes what a label may hold', async () => {
    const exposition = new Exposition()
    const of = 'a "quoted"\\ line\nbreak'
    exposition.gauges({ name: 'g', help: 'two\nlines', labels: ['of'] }, tell => tell(1, { of }))
    const [family] = parseExposition(await exposition.text()).values()
    assert.equal(family!.samples[0]!.labels.of, 'a \\"quoted\\"\\\\ line\\nbreak')
  })
})

test('leaderships are counted once a term, and timed while this node has one', () => {
  const clock = new FakeClock()
  const watch = new LeadershipWatch(clock)
  const of = (term: number, leader: number | null, ready = false) =>
    watch.changed({ role: ready ? 'LEADER' : 'FOLLOWER', term, leader, ready })
  of(1, null)
  of(1, 2)
  of(1, null)
  of(1, 2)
  assert.deepEqual([watch.changes, watch.leadingMs], [1, 0])
  of(2, 1, true)
  clock.now = 40
  of(2, 1, true)
  assert.deepEqual([watch.changes, watch.leadingMs], [2, 40])
  of(3, 3)
  assert.deepEqual([watch.changes, watch.leadingMs], [3, 0])
})

test('a mirror and session links tell what docs/metrics.md says of them', async () => {
  const exposition = new Exposition()
  mirrorMetrics(exposition, { lag: () => ({ versions: 12, ms: 3_500, connected: false }) })
  sessionLinkMetrics(exposition, { status: () => ({ open: 2, opened: 5, closed: 3 }) })
  const families = parseExposition(await exposition.text())
  assert.deepEqual(
    [...families.values()].map(({ name, type, help }) => [name, type, help]).sort(),
    [...documented('SQL mirror'), ...documented('Session links')]
      .map(({ name, type, help }) => [name, type, help])
      .sort(),
  )
  assert.equal(sampleOf(families, 'dmq_mirror_lag_versions'), 12)
  assert.equal(sampleOf(families, 'dmq_mirror_lag_seconds'), 3.5)
  assert.equal(sampleOf(families, 'dmq_mirror_connected'), 0)
  assert.equal(sampleOf(families, 'dmq_session_links_closed_total'), 3)
})
