/** How many of `count` positions `isBefore` holds for: all of them come first. A search by halves. */
export function lowerBound(count: number, isBefore: (position: number) => boolean): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}
