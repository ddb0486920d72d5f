/** A broker whose heartbeats are late, and that is not fenced yet. All of it in milliseconds. */
export type Lateness = {
  /** Since its last sign of life; null: none has come since this controller took over. */
  readonly heardAgeMs: number | null
  /** How long its session has gone without one: at the timeout it is fenced. */
  readonly silentMs: number
  readonly sessionTimeoutMs: number
}

/** Why it is UNREACHABLE, and what comes next. */
export function latenessText({ heardAgeMs, silentMs, sessionTimeoutMs }: Lateness): string {
  const silence =
    heardAgeMs === null
      ? `nothing was heard of it in the ${Math.round(silentMs)} ms since this controller took over`
      : `no heartbeat for ${Math.round(heardAgeMs)} ms`
  const left = Math.max(0, Math.round(sessionTimeoutMs - silentMs))
  return `${silence}; OFFLINE in ${left} ms if none comes`
}

/** How long it has been UNREACHABLE. */
export function lateForMs({ silentMs, sessionTimeoutMs }: Lateness): number {
  return silentMs - sessionTimeoutMs / 2
}
