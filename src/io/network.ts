/**
 * Streams of frames between nodes. A frame arrives whole or not at all; frames of one connection arrive in order; a
 * connection may break at any time, and then an unknown tail of what was sent is lost.
 */
export interface Network {
  /** Opens a stream to another node. Never throws: what goes wrong is told by `closed`. */
  connect(target: Target, events: ConnectionEvents): Connection
}

export type Target = { readonly nodeId: number; readonly host: string; readonly port: number }

export type ConnectionEvents = {
  /** `protocol`: the newest version that both ends speak. */
  opened(protocol: number): void
  frame(bytes: Buffer): void
  /** Once, whether or not the connection was ever open. `refused`: a host answered that nobody listens at the port. */
  closed(reason: string, refused: boolean): void
}

export interface Connection {
  /** Never waits. False: the frame was dropped, because the stream is not open or too much is queued on it. */
  send(frame: Buffer): boolean
  close(): void
}
