/** A broken invariant of our own: a bug, never an answer to bad input. It ends the process. */
export class AssertionError extends Error {
  override name = 'AssertionError'
}

/** Assertions stay on in production: a process that broke an invariant must stop before it can do harm. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** Ends an exhaustive switch: the compiler proves that it cannot be reached. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`)
}

/** The value, which the caller knows to be there. */
export function present<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new AssertionError(`missing: ${what}`)
  return value
}
