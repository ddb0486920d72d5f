import { messageOf } from '../base/errors.ts'
import { decodeCommand } from '../metadata/command.ts'
import { Image } from '../metadata/image.ts'
import { apply } from '../metadata/metadata.ts'
import { type ImageView, readImage } from '../metadata/render.ts'

/** Who the controller is, as far as this node was told. */
export type KnownController = { readonly id: number; readonly url: string; readonly term: number }

type ReplayedCommand = {
  readonly version: number
  readonly commandType: string
  readonly commandData: string
}

/** Metadata from somewhere: which cluster it is of, and from which version to which it leads. */
export type Delta = {
  readonly clusterId: string
  readonly recoveryEpoch: number
  readonly fromVersion: number
  readonly version: number
  readonly stateHash?: string
  readonly commands?: readonly ReplayedCommand[]
  /** What this node said that it has, and the controller found to be wrong. */
  readonly repair?: { readonly version: number; readonly stateHash: string }
}

/** Of which cluster an image is, at which version, and what its state hash must be. */
export type ImageHead = {
  readonly clusterId: string
  readonly recoveryEpoch: number
  readonly version: number
  readonly stateHash: string
}

/** What the controller pushes (`POST /api/v1/storage/metadata`). */
export type StorageUpdate = Delta & {
  readonly updateType: 'FULL_SNAPSHOT' | 'DELTA' | 'CONTROLLER_CHANGED'
  readonly controllerTerm: number
  readonly controllerId: number
  readonly controllerUrl: string
  readonly snapshot?: ImageView
}

/**
 * `stale`: ignored, since it is older, or of another cluster. `gap`: it does not follow what is here; only a pull helps.
 * `diverged`: the hashes differ, or what the controller accepted is rejected here; only a whole image helps.
 */
export type Outcome = 'applied' | 'stale' | 'gap' | 'diverged'

/**
 * A storage node's copy of the metadata. It replays accepted commands with the same code as the metadata nodes, and
 * proves by the state hash that it came to the same image.
 *
 * Rules: data of an older version never overwrites newer data; a message of an older term changes nothing at all; a
 * newer term always changes who the controller is. Versions compare within one cluster and recovery epoch only.
 */
export class MetadataCopy {
  image = new Image()
  #clusterId: string | null = null
  #recoveryEpoch = 0
  #controller: KnownController | null = null

  get controller(): KnownController | null {
    return this.#controller
  }

  get clusterId(): string | null {
    return this.#clusterId
  }

  /** False: the message is of an older term, and nothing in it counts. */
  heardController(heard: KnownController): boolean {
    if (this.#controller !== null && heard.term < this.#controller.term) return false
    this.#controller = heard
    return true
  }

  forgetController(): void {
    this.#controller = this.#controller === null ? null : { ...this.#controller, url: '' }
  }

  /** The same cluster as before; a node that has seen none yet belongs to the first it hears of. */
  isOurs(clusterId: string): boolean {
    return this.#clusterId === null || this.#clusterId === clusterId
  }

  applyDelta(delta: Delta): Outcome {
    if (!this.isOurs(delta.clusterId) || delta.recoveryEpoch < this.#recoveryEpoch) return 'stale'
    if (this.#clusterId === null || delta.recoveryEpoch > this.#recoveryEpoch) return 'gap'
    if (delta.repair !== undefined) return this.isAt(delta.repair) ? 'diverged' : 'applied'
    if (delta.version <= this.image.version) return this.#compare(delta)
    if (delta.fromVersion > this.image.version || delta.commands === undefined) return 'gap'
    for (const command of delta.commands)
      if (command.version > this.image.version && !this.#replay(command)) return 'diverged'
    return this.image.version === delta.version ? this.#compare(delta) : 'gap'
  }

  /** False: it does not come to anything here, though the controller accepted it. */
  #replay({ version, commandType, commandData }: ReplayedCommand): boolean {
    const command = decodeCommand(commandType, commandData)
    if (command === null)
      throw new Error(
        `the metadata holds a ${commandType}, which this release does not know: upgrade this storage node`,
      )
    apply(this.image, command, version)
    return this.image.version === version
  }

  isAt({ version, stateHash }: Pick<ImageHead, 'version' | 'stateHash'>): boolean {
    return version === this.image.version && stateHash === this.image.stateHash
  }

  #compare({ version, stateHash }: Delta): Outcome {
    if (version < this.image.version) return 'stale'
    return stateHash === undefined || stateHash === this.image.stateHash ? 'applied' : 'diverged'
  }

  /** Takes a whole image, unless what is here is newer. Throws when the image does not have the hash it claims. */
  applySnapshot(clusterId: string, recoveryEpoch: number, view: ImageView): Outcome {
    const { version, stateHash } = view
    const head = { clusterId, recoveryEpoch, version, stateHash }
    if (this.#isOlder(head)) return 'stale'
    const image = new Image()
    try {
      readImage(image, view)
    } catch (error) {
      throw new Error(`the metadata snapshot of version ${version} is not readable: ${messageOf(error)}`)
    }
    return this.install(head, image)
  }

  /**
   * The same with an image that was read already. `force`: what is here is wrong, and gives way to whatever is of the same
   * cluster and not of an older recovery epoch.
   */
  install(head: ImageHead, image: Image, force = false): Outcome {
    const { version, stateHash } = head
    if (image.stateHash !== stateHash || image.version !== version) {
      throw new Error(
        `the metadata snapshot of version ${version} has hash ${image.stateHash}, it claims ${stateHash}`,
      )
    }
    if (force ? this.#isElsewhere(head) : this.#isOlder(head)) return 'stale'
    this.image = image
    this.#clusterId = head.clusterId
    this.#recoveryEpoch = head.recoveryEpoch
    return 'applied'
  }

  #isElsewhere({ clusterId, recoveryEpoch }: ImageHead): boolean {
    return !this.isOurs(clusterId) || recoveryEpoch < this.#recoveryEpoch
  }

  #isOlder(head: ImageHead): boolean {
    if (this.#isElsewhere(head)) return true
    return head.recoveryEpoch === this.#recoveryEpoch && head.version < this.image.version
  }

  /** What is here, as it can be installed elsewhere; null before the first metadata came. */
  get head(): ImageHead | null {
    if (this.#clusterId === null) return null
    const { version, stateHash } = this.image
    return { clusterId: this.#clusterId, recoveryEpoch: this.#recoveryEpoch, version, stateHash }
  }
}
