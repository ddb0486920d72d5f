import { DmqError } from '../base/errors.ts'

export const ACCEPTED = 'ACCEPTED'

/** Heartbeats by what came of them: ACCEPTED, or the code of the error. */
export class HeartbeatTally {
  readonly #counts = new Map<string, number>([[ACCEPTED, 0]])

  /** How often heartbeats of a broker that is not fenced began to be late. */
  late = 0

  /** Counts what comes of one, and passes it on. */
  async of<T>(handle: () => Promise<T>): Promise<T> {
    try {
      const result = await handle()
      this.#add(ACCEPTED)
      return result
    } catch (error) {
      this.#add(error instanceof DmqError ? error.code : 'INTERNAL')
      throw error
    }
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  #add(result: string): void {
    this.#counts.set(result, (this.#counts.get(result) ?? 0) + 1)
  }
}
