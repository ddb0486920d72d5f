import { sampleOf, scrape } from '../test/api/exposition-format.ts'
import type { NodeProcess } from '../test/cluster/processes.ts'

/** Of a process, at a moment. */
export type MemorySample = {
  readonly atMs: number
  readonly rssBytes: number
  readonly heapUsedBytes: number
}
/** Bytes; negative: it has become less. */
export type Growth = { readonly rssBytes: number; readonly heapUsedBytes: number }

/** Fewer say nothing about a trend. */
const SAMPLES_MIN = 12

export async function memoryOf(node: NodeProcess): Promise<MemorySample> {
  const families = await scrape(node)
  return {
    atMs: performance.now(),
    rssBytes: sampleOf(families, 'process_resident_memory_bytes')!,
    heapUsedBytes: sampleOf(families, 'nodejs_heap_size_used_bytes')!,
  }
}

/**
 * From the first quarter of the time after `settledAtMs` to its last. The heap goes up and down with collections: its floor
 * is what is really held, while of resident memory the peak counts. Null: too few samples to say.
 */
export function growthAfter(settledAtMs: number, samples: readonly MemorySample[]): Growth | null {
  const settled = samples.filter(({ atMs }) => atMs >= settledAtMs)
  if (settled.length < SAMPLES_MIN) return null
  const quarter = Math.floor(settled.length / 4)
  const [first, last] = [settled.slice(0, quarter), settled.slice(-quarter)]
  const peak = (part: typeof settled): number => Math.max(...part.map(({ rssBytes }) => rssBytes))
  const floor = (part: typeof settled): number => Math.min(...part.map(({ heapUsedBytes }) => heapUsedBytes))
  return { rssBytes: peak(last) - peak(first), heapUsedBytes: floor(last) - floor(first) }
}
