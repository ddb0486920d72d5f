/** What goes wrong on the way: probabilities from 0 to 1, and times from least to most. */
export type Faults = {
  readonly drop: number
  /** A dropped message that its sender hears of. */
  readonly dropTold: number
  readonly duplicate: number
  /** A message of long ago arrives once more, when another is sent. */
  readonly replay: number
  readonly delayMs: readonly [number, number]
  readonly persistMs: readonly [number, number]
  /** An input whose output the driver takes only later, together with that of others. */
  readonly batch: number
  /** How long a step of a snapshot takes: to write it, to store a part, to make it durable, to take it over. */
  readonly snapshotMs: readonly [number, number]
  /** The others are told that a process that crashed is gone. */
  readonly lossTold: number
}

export const NO_FAULTS: Faults = {
  drop: 0,
  dropTold: 0,
  duplicate: 0,
  replay: 0,
  delayMs: [1, 3],
  persistMs: [0, 2],
  batch: 0,
  snapshotMs: [0, 2],
  lossTold: 0,
}
