const GOLDEN = (Math.sqrt(5) - 1) / 2

/**
 * An order of items in which those that come one after the other lie far apart, and every stretch is spread evenly over the
 * whole: so that what a new broker takes over is a little of every topic, and not all of the first.
 */
export function itemOrder(items: number): (i: number) => number {
  let step = Math.max(1, Math.round(items * GOLDEN))
  while (greatestCommonDivisor(items, step) !== 1) step += 1
  return i => (i * step) % items
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
