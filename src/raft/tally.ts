/** What this node has done since its process started: counts that only grow. */
export type Tally = {
  /** How often it asked around whether it could win. */
  preVotes: number
  /** Elections that it began, for each of which the term grew, and those that it won. */
  elections: number
  won: number
  /** Rounds of heartbeats that confirm reads (ReadIndex). */
  readRounds: number
}

export function newTally(): Tally {
  return { preVotes: 0, elections: 0, won: 0, readRounds: 0 }
}
