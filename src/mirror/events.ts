/** What the mirror tells its log; `server/` gives each a line. Addresses come without passwords. */
export type MirrorEvents = {
  /** It follows the image, from this version on. */
  following(event: { address: string; version: number }): void
  /** A transaction went through: the tables are as the image was at `version`. */
  written(event: { fromVersion: number; version: number; rows: number; ms: number }): void
  /** The database does not answer, or not well; told once until it does. */
  failed(event: { address: string; reason: string }): void
  recovered(event: { address: string; version: number }): void
  /** A later controller has written already. */
  deposed(event: { address: string; reason: string }): void
  /** What is there is not ours to overwrite; told once per reason. */
  refused(event: { address: string; reason: string }): void
}
