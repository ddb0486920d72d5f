import type { Clock } from '../io/clock.ts'
import type { ControllerEvents } from './events.ts'
import type { Replica } from './replica.ts'

/** What another metadata node said of itself. */
export type MetadataReport = {
  readonly nodeId: number
  readonly version: number
  readonly stateHash: string | null
  /** Epoch milliseconds. */
  readonly at: number
  /** What the controller had when it heard it. */
  readonly controllerVersion: number
  /** Null: there is nothing to compare with. */
  readonly agrees: boolean | null
}

/**
 * What the other metadata nodes say that they have, in their heartbeats to the controller. A node that has another state
 * hash at the same version, or still lacks at one heartbeat what the controller had at the one before, is told of.
 */
export class MetadataReports {
  readonly #replica: Replica
  readonly #clock: Clock
  readonly #events: ControllerEvents
  readonly #reports = new Map<number, MetadataReport>()

  constructor(parts: { replica: Replica; clock: Clock; events: ControllerEvents }) {
    this.#replica = parts.replica
    this.#clock = parts.clock
    this.#events = parts.events
  }

  of(nodeId: number): MetadataReport | undefined {
    return this.#reports.get(nodeId)
  }

  heard(nodeId: number, version: number, stateHash: string | null): MetadataReport {
    const before = this.#reports.get(nodeId)
    const agrees = stateHash === null ? null : this.#replica.hashes.agrees(version, stateHash)
    const controllerVersion = this.#replica.image.version
    const report = { nodeId, version, stateHash, at: this.#clock.epoch(), controllerVersion, agrees }
    this.#reports.set(nodeId, report)
    if (agrees === false && before?.agrees !== false) {
      const expected = this.#replica.hashes.at(version)!
      this.#events.diverged({ kind: 'metadata', nodeId, version, stateHash: stateHash!, expected })
    }
    if (before !== undefined && version < before.controllerVersion)
      this.#events.metadataBehind({ nodeId, version, expected: before.controllerVersion })
    return report
  }
}
