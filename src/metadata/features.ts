/**
 * What the nodes of a cluster have agreed to do alike. A release supports a range of levels of each feature; the level in
 * force is in the image, so that nodes of two releases apply every command alike while a cluster is upgraded. An operator
 * raises it when every node supports the new one. It never goes down.
 *
 * | `metadata.version` | what is new |
 * |---|---|
 * | 1 | everything before there were levels |
 * | 2 | a rebalance that was asked for is kept in the image, and outlives the controller |
 * | 3 | changes of ISRs and moves of the controller say which topic they mean, and which state of it they were decided on |
 * | 4 | moves that an operator asks for wait for their turn in the image; how many go on at a time is kept there |
 */
export const FEATURES = {
  'metadata.version': { min: 1, max: 4 },
} as const satisfies Record<string, FeatureRange>

export type FeatureRange = { readonly min: number; readonly max: number }
export type FeatureName = keyof typeof FEATURES
export type FeatureLevels = Readonly<Record<string, number>>

/** From this level of `metadata.version` on. */
export const REBALANCE_IS_KEPT = 2
export const CHANGES_SAY_WHAT_THEY_MEAN = 3
export const MOVES_WAIT_THEIR_TURN = 4

/** Releases that know no more than a lower level would end at such a command: it may not be in the log before. */
export const LEVELS_OF_COMMANDS: Readonly<Record<string, number>> = {
  RebalanceCommand: REBALANCE_IS_KEPT,
  ThrottleMovesCommand: MOVES_WAIT_THEIR_TURN,
}

/** What is in force where nobody raised it. */
export const FIRST_LEVELS: FeatureLevels = { 'metadata.version': FEATURES['metadata.version'].min }

/** Undefined: this release knows no such feature. */
export function supportedRange(name: string): FeatureRange | undefined {
  return Object.hasOwn(FEATURES, name) ? FEATURES[name as FeatureName] : undefined
}

/** This release can do what is in force at these levels. What makes no sense is not beyond it. */
export function supportsAll(levels: unknown): boolean {
  if (typeof levels !== 'object' || levels === null) return true
  return Object.entries(levels).every(([name, level]) => {
    const range = supportedRange(name)
    return range === undefined ? typeof level !== 'number' : !(level > range.max)
  })
}
