/** Something happened that may never happen. `invariant` is its number in the reference (I1 to I22), or a test case (T34). */
export class Violation extends Error {
  override name = 'Violation'
  readonly invariant: string

  constructor(invariant: string, text: string) {
    super(`${invariant}: ${text}`)
    this.invariant = invariant
  }
}

export function violated(invariant: string, text: string): never {
  throw new Violation(invariant, text)
}
