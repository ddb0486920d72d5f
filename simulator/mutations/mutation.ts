/** A bug put in on purpose: one that real systems had, as numbered in the reference (section 3.4). */
export type Mutation = {
  readonly id: string
  readonly bugClass: string
  readonly edits: readonly Edit[]
  /** The bug shows only in clusters of this size, or far more often there. */
  readonly nodes?: number
  /** It is a bug of the whole system, and looked for in runs with so many storage nodes. */
  readonly brokers?: number
  /** The simulator does not come upon it within the limit, which is a hole to close; this test of the core does. */
  readonly foundBy?: string
}

export type Edit = {
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
}

export function mutation(
  id: string,
  bugClass: string,
  file: string,
  find: string,
  replace: string,
): Mutation {
  return { id, bugClass, edits: [{ file, find, replace }] }
}

export function open(foundBy: string, planted: Mutation): Mutation {
  return { ...planted, foundBy }
}
