import { readdirSync } from 'node:fs'
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { Histogram } from '../../base/histogram.ts'
import type { Exposition } from './exposition.ts'

const RESOLUTION_MS = 10
const WINDOW_MS = 30_000
const NANOSECONDS = 1e9

type DelayMonitor = ReturnType<typeof monitorEventLoopDelay>

/** What every Node.js process tells of itself, under the names that dashboards for Node.js know. */
export function nodeProcessMetrics(exposition: Exposition): void {
  const startedAt = Date.now() / 1_000 - process.uptime()
  const cpu = exposition.once(() => process.cpuUsage())
  const memory = exposition.once(() => process.memoryUsage())
  exposition.gauge(
    { name: 'process_start_time_seconds', help: 'When the process started, since the epoch.' },
    () => startedAt,
  )
  exposition.counter(
    { name: 'process_cpu_user_seconds_total', help: 'CPU time in user code.' },
    () => cpu().user / 1e6,
  )
  exposition.counter(
    { name: 'process_cpu_system_seconds_total', help: 'CPU time in the kernel.' },
    () => cpu().system / 1e6,
  )
  exposition.gauge(
    { name: 'process_resident_memory_bytes', help: 'Memory of the process that is in RAM.' },
    () => memory().rss,
  )
  exposition.gauge({ name: 'process_open_fds', help: 'Open files and sockets (Linux only).' }, openFiles)
  exposition.gauge(
    { name: 'nodejs_heap_size_total_bytes', help: 'JavaScript heap.' },
    () => memory().heapTotal,
  )
  exposition.gauge(
    { name: 'nodejs_heap_size_used_bytes', help: 'JavaScript heap that is in use.' },
    () => memory().heapUsed,
  )
  exposition.gauge(
    {
      name: 'nodejs_external_memory_bytes',
      help: 'Memory outside of the heap that JavaScript objects hold.',
    },
    () => memory().external,
  )
  eventLoopMetrics(exposition)
  garbageCollectionMetrics(exposition)
}

function openFiles(): number | null {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return null
  }
}

/**
 * The monitor's timer itself takes its resolution: what is longer is delay. Of two monitors the one that began earlier is
 * read, and begins anew when the other has seen a window: so a stall shows for half a minute at least, to every scraper.
 */
function eventLoopMetrics(exposition: Exposition): void {
  const begin = (): DelayMonitor => {
    const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    monitor.enable()
    return monitor
  }
  const monitors: [DelayMonitor, DelayMonitor] = [begin(), begin()]
  const rotate = (): void => {
    monitors.reverse()
    monitors[1].reset()
  }
  setInterval(rotate, WINDOW_MS).unref()
  const delay = (nanoseconds: (monitor: DelayMonitor) => number) => (): number | null =>
    monitors[0].count === 0
      ? null
      : Math.max(0, nanoseconds(monitors[0]) / NANOSECONDS - RESOLUTION_MS / 1_000)
  const last = 'of the last 30 to 60 seconds'
  exposition.gauge(
    { name: 'nodejs_eventloop_lag_p50_seconds', help: `Delay of the event loop: median ${last}.` },
    delay(monitor => monitor.percentile(50)),
  )
  exposition.gauge(
    { name: 'nodejs_eventloop_lag_p99_seconds', help: `Delay of the event loop: 99th percentile ${last}.` },
    delay(monitor => monitor.percentile(99)),
  )
  exposition.gauge(
    { name: 'nodejs_eventloop_lag_max_seconds', help: `Delay of the event loop: worst ${last}.` },
    delay(monitor => monitor.max),
  )
}

const GC_KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
}
const GC_BOUNDS_MS = [1, 5, 10, 25, 50, 100, 250, 1_000]

function garbageCollectionMetrics(exposition: Exposition): void {
  const byKind = new Map(Object.values(GC_KINDS).map(kind => [kind, new Histogram(GC_BOUNDS_MS)]))
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) {
      const { duration, detail } = entry as unknown as { duration: number; detail: { kind: number } }
      byKind.get(GC_KINDS[detail.kind] ?? '')?.observe(duration)
    }
  }).observe({ entryTypes: ['gc'] })
  exposition.latencies(
    { name: 'nodejs_gc_duration_seconds', help: 'Pauses for garbage collection, by kind.', labels: ['kind'] },
    tell => {
      for (const [kind, histogram] of byKind) tell(histogram, { kind })
    },
  )
}
