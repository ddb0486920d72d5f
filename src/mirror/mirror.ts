import type { MirrorAddress } from './address.ts'
import { Follower, type MirrorLag, type MirrorParts } from './follower.ts'
import type { MirrorIdentity } from './store.ts'

const STOP_MS = 1_000

/**
 * The door of the room: a copy of the metadata in the tables of a database, for those who want to query it. While this
 * node is the controller, its copy follows the image: in order, each version once, and never in the way of a commit. It is
 * written, and never read by the system.
 */
export class Mirror {
  readonly #address: MirrorAddress
  readonly #parts: MirrorParts
  #term = 0
  /** Null while another node is the controller. */
  #follower: Follower | null = null

  constructor(address: MirrorAddress, parts: MirrorParts) {
    this.#address = address
    this.#parts = parts
  }

  /** This node is the controller, and its image holds everything that earlier ones committed. Once per term. */
  begin(identity: MirrorIdentity): void {
    if (this.#follower !== null && this.#term === identity.term) return
    this.end()
    this.#term = identity.term
    this.#follower = new Follower(this.#address, identity, this.#parts)
  }

  /** It is not the controller any more. */
  end(): void {
    void this.#follower?.stop()
    this.#follower = null
  }

  /** To be called after every change of the image. */
  wake(): void {
    this.#follower?.wake()
  }

  /** How far the tables are behind; null where this node is not the controller. */
  lag(): MirrorLag | null {
    return this.#follower?.lag() ?? null
  }

  /** Leaves the database; a database that does not answer holds up nobody for long. */
  async stop(): Promise<void> {
    const follower = this.#follower
    this.#follower = null
    if (follower === null) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = this.#parts.clock.timer(STOP_MS, resolve)
    await Promise.race([follower.stop(), promise])
    timer.cancel()
  }
}
