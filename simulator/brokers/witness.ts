import type { Leadership } from '../../src/consensus/consensus.ts'
import type { MetadataProcess } from '../cluster/metadata-process.ts'
import { Witness, type WitnessParts } from '../witness.ts'

/** What a run with storage nodes wants to know of its metadata nodes besides. */
export type MetadataListener = {
  opened(process: MetadataProcess): void
  changed(process: MetadataProcess, leadership: Leadership): void
}

/** The same witness, and somebody who listens to the metadata nodes as their server does. */
export class BrokerWitness extends Witness {
  readonly #listener: MetadataListener

  constructor(parts: WitnessParts, listener: MetadataListener) {
    super(parts)
    this.#listener = listener
  }

  override opened(process: MetadataProcess): void {
    super.opened(process)
    this.#listener.opened(process)
  }

  override changed(process: MetadataProcess, leadership: Leadership): void {
    super.changed(process, leadership)
    this.#listener.changed(process, leadership)
  }
}
