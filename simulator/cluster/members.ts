import type { Configuration } from '../../src/raft/voters.ts'
import { membersOf } from '../../src/raft/voters.ts'
import type { DurableLog, StoredEntry } from '../invariants/durable-log.ts'
import { same } from '../invariants/ledger.ts'

/** A change that was asked for, and is not known to have failed. */
export type AskedChange = { readonly configuration: Configuration }

type Sources = {
  /** Of every drive there ever was. */
  readonly logs: () => readonly DurableLog[]
  /** What the processes that run take for the configuration in force. */
  readonly believed: () => readonly Configuration[]
}

/** Who is a member, as drives and commits tell it: what is committed, and what may come to be. */
export class Members {
  readonly #sources: Sources
  readonly #uuids = new Set<string>()
  #committed: { readonly configuration: Configuration; readonly entry: StoredEntry } | null = null
  #asked: AskedChange[] = []

  constructor(sources: Sources) {
    this.#sources = sources
  }

  /** The newest configuration that is committed. */
  get committed(): Configuration | null {
    return this.#committed?.configuration ?? null
  }

  commit(configuration: Configuration, entry: StoredEntry): void {
    this.noted(configuration)
    this.#committed = { configuration, entry }
    this.#asked = []
  }

  /** Somebody has this configuration in its log. */
  noted(configuration: Configuration): void {
    for (const { uuid } of membersOf(configuration)) this.#uuids.add(uuid)
  }

  /** Whether any log ever named this data directory. */
  knows(uuid: string): boolean {
    return this.#uuids.has(uuid)
  }

  ask(change: AskedChange): void {
    this.#asked.push(change)
  }

  refused(change: AskedChange): void {
    this.#asked = this.#asked.filter(other => other !== change)
  }

  /** Every configuration that is in force somewhere, or may still come to be: the newest that is committed comes first. */
  possible(): Configuration[] {
    const first = this.#committed
    const after = first?.configuration.index ?? 0
    const goesOn = (log: DurableLog): boolean => {
      log.refresh()
      const held = log.at(after)
      return first === null || (held !== undefined && same(held, first.entry))
    }
    const stored = this.#sources.logs().flatMap(log => (goesOn(log) ? log.configurations : []))
    const asked = this.#asked.map(({ configuration }) => configuration)
    const later = [...stored, ...this.#sources.believed()].filter(({ index }) => index > after)
    return [...(first === null ? [] : [first.configuration]), ...later, ...asked]
  }
}
