import {
  type Delta,
  type ImageHead,
  type KnownController,
  MetadataCopy,
  type Outcome,
} from '../../src/broker/metadata-copy.ts'
import type { Image } from '../../src/metadata/image.ts'

/** The copy of a storage node, and somebody who is told of each version that it comes to, and of what may never be. */
export class WatchedCopy extends MetadataCopy {
  readonly #changed: (image: Image) => void
  readonly #wrong: (why: string) => void

  constructor(changed: (image: Image) => void, wrong: (why: string) => void) {
    super()
    this.#changed = changed
    this.#wrong = wrong
  }

  override heardController(heard: KnownController): boolean {
    const before = this.controller
    const counts = super.heardController(heard)
    if (before !== null && this.controller!.term < before.term)
      this.#wrong(`follows the controller of term ${heard.term} after that of term ${before.term}`)
    return counts
  }

  override applyDelta(delta: Delta): Outcome {
    const { version } = this.image
    const outcome = super.applyDelta(delta)
    if (this.image.version !== version) this.#changed(this.image)
    return outcome
  }

  override install(head: ImageHead, image: Image, force = false): Outcome {
    const outcome = super.install(head, image, force)
    if (outcome === 'applied') this.#changed(this.image)
    return outcome
  }
}
