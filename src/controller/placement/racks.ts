/**
 * The rack of each broker, numbered from 0. A broker that names no rack is a rack of its own, whatever the others do:
 * nobody knows what it shares with whom, and a cluster whose brokers get their racks one by one stays spread meanwhile.
 *
 * Where every rack has one broker, racks say no more than brokers do, and all count as one rack: the same, and cheaper.
 */
export function rackNumbers(brokers: readonly { readonly rack: string | null }[]): Int32Array {
  const numbers = new Map<string, number>()
  let racks = 0
  const rackOf = Int32Array.from(brokers, ({ rack }) => {
    const known = rack === null ? undefined : numbers.get(rack)
    if (known !== undefined) return known
    if (rack !== null) numbers.set(rack, racks)
    return racks++
  })
  return racks === brokers.length ? rackOf.fill(0) : rackOf
}

/** How many replicas of one partition each rack gets, at least and at most; the sum of `least` falls short of all. */
export type RackShares = { readonly least: Int32Array; readonly most: Int32Array }

/**
 * As even as the sizes of the racks allow, as if water were poured over them: the fullest rack has `ceil(rf / racks)`
 * replicas unless others are too small for theirs, and no rack stays empty while another has two.
 */
export function rackShares(sizes: readonly number[], replicationFactor: number): RackShares {
  let level = 1
  while (poured(sizes, level) < replicationFactor) level += 1
  return {
    least: Int32Array.from(sizes, size => Math.min(size, level - 1)),
    most: Int32Array.from(sizes, size => Math.min(size, level)),
  }
}

function poured(sizes: readonly number[], level: number): number {
  return sizes.reduce((sum, size) => sum + Math.min(size, level), 0)
}

export function rackSizes(racks: Int32Array): number[] {
  const sizes = new Array<number>(racks.reduce((most, rack) => Math.max(most, rack + 1), 0)).fill(0)
  for (const rack of racks) sizes[rack]! += 1
  return sizes
}

/**
 * Whether a replica may go from one rack to another, which hold so many replicas of its partition: not when the
 * partition would lie closer together than before.
 */
export function keepsSpread(from: number, to: number): boolean {
  return to < from
}

/** Whether it would then lie further apart than before. */
export function mendsSpread(from: number, to: number): boolean {
  return to + 2 <= from
}
