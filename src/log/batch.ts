import type { Batch } from './log.ts'

/** One batch that does what `first` and then `second` do. */
export function mergeBatches(first: Batch, second: Batch): Batch {
  const state = second.state ?? first.state
  if (second.resetTo !== null) return { ...second, state }
  const { resetTo } = first
  const cut = second.truncateFrom
  if (cut === null) {
    const firstIndex = first.records.length > 0 ? first.firstIndex : second.firstIndex
    return {
      resetTo,
      truncateFrom: first.truncateFrom,
      firstIndex,
      records: [...first.records, ...second.records],
      state,
    }
  }
  const kept = first.records.slice(0, Math.max(0, cut - first.firstIndex))
  const reachesBack = first.records.length === 0 || cut < first.firstIndex
  const truncateFrom = reachesBack ? Math.min(cut, first.truncateFrom ?? cut) : first.truncateFrom
  const firstIndex = kept.length > 0 ? first.firstIndex : second.firstIndex
  return { resetTo, truncateFrom, firstIndex, records: [...kept, ...second.records], state }
}
