/**
 * A session between a storage node and the controller: requests and answers both ways, on one connection that the storage
 * node opened. Who holds one knows at once when the process at the other end is gone.
 */
export interface Session {
  /**
   * `body`: JSON text, the same as over REST. Throws when the session ends first, nobody answers in time, the body is
   * over {@link SESSION_BODY_BYTES_MAX}, or too many requests are waiting already.
   */
  request(name: string, body: string, timeoutMs: number): Promise<SessionAnswer>
  /** Ends the session; the other side is told why. */
  close(reason: string): void
}

/** The same as the answer over REST: an HTTP status, and the body. */
export type SessionAnswer = { readonly status: number; readonly body: unknown }

/** Answers one request of the other side. May throw: then the session ends. */
export type Respond = (name: string, body: unknown) => Promise<SessionAnswer>

/** Which process of which broker speaks. */
export type Hello = {
  readonly brokerId: number
  readonly brokerEpoch: number
  readonly incarnationId: string
}

export type SessionEvents = {
  opened(session: Session): void
  readonly respond: Respond
  /** Once, whether or not it was ever open. `refused`: a host answered that nobody listens at the port. */
  closed(reason: string, refused: boolean): void
}

/** What the answer to a dialled session shows of the other side's cluster key; `unproven`: nothing. */
export type KeyFinding = 'same' | 'other' | 'unproven'

export type DialEvents = SessionEvents & {
  /** The other side has answered, be it with a refusal. Not called by dialers that know no keys. */
  keyShown?(finding: KeyFinding): void
}

/** Opens sessions. Never throws: what goes wrong is told by `closed`. */
export interface SessionDialer {
  dial(url: string, hello: Hello, events: DialEvents): { close(reason: string): void }
  /** Dials only to see the key; null: no answer. Left out by dialers that know no keys. */
  compareKeys?(url: string, hello: Hello): Promise<KeyFinding | null>
}

export const SESSION_FRAME_BYTES_MAX = 1024 * 1024
/** A frame less its head. */
export const SESSION_BODY_BYTES_MAX = SESSION_FRAME_BYTES_MAX - 300
