import type { MetadataProcess } from '../cluster/metadata-process.ts'
import { violated } from './violation.ts'

/** I4: whoever has applied the same entries has the same image. Every version of every node is compared. */
export class ImageInvariants {
  readonly #hashes = new Map<number, { hash: string; node: number }>()

  watch(process: MetadataProcess): void {
    const { replica } = process.node!
    replica.onChange(() => this.#compare(process, replica.image.version, replica.image.stateHash))
  }

  #compare({ nodeId }: MetadataProcess, version: number, hash: string): void {
    const known = this.#hashes.get(version)
    if (known === undefined) this.#hashes.set(version, { hash, node: nodeId })
    else if (known.hash !== hash)
      violated('I4', `nodes ${known.node} and ${nodeId} differ at version ${version}: ${known.hash}, ${hash}`)
  }
}
