/** Something that is so, since when, and why: the chain goes down to what the history knows. */
export type Finding = {
  readonly code: FindingCode
  /** A sentence without its time; names brokers and partitions. */
  readonly what: string
  /** Epoch milliseconds. */
  readonly since?: number
  /** The metadata version that brought it about, where the history reaches back to it. */
  readonly version?: number
  /** What can be done. */
  readonly remedy?: string
  readonly because: readonly Finding[]
}

export type FindingCode =
  | 'HEALTHY'
  | 'NO_LEADER'
  | 'UNDER_MIN_ISR'
  | 'NOT_IN_SYNC'
  | 'NOT_ELIGIBLE'
  | 'ELIGIBLE'
  | 'LEFT_ISR'
  | 'LED_BY_ANOTHER'
  | 'MOVING'
  | 'MOVE_WAITS'
  | 'MOVE_QUEUED'
  | 'UNCLEAN_ELECTION_OFF'
  | 'BROKER_AWAY'
  | 'BROKER_GONE'
  | 'BROKER_LATE'
  | 'BROKER_DRAINS'
  | 'NOT_DRAINED'
  | 'DRAINED'
  | 'WITHOUT_LEADER'
  | 'BALANCE_DUE'

/** When and by which version something came about, as far as it is known. */
export type Origin = { readonly since?: number; readonly version?: number }

export function finding(
  code: FindingCode,
  what: string,
  more: Partial<Pick<Finding, 'since' | 'version' | 'remedy' | 'because'>> = {},
): Finding {
  return { code, what, because: [], ...more }
}
