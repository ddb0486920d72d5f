import { type Delta, type ImageHead, MetadataCopy, type Outcome } from '../../src/broker/metadata-copy.ts'
import type { Image } from '../../src/metadata/image.ts'

/** The copy of a storage node, and somebody who is told of each version that it comes to. */
export class WatchedCopy extends MetadataCopy {
  readonly #changed: (image: Image) => void

  constructor(changed: (image: Image) => void) {
    super()
    this.#changed = changed
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
