import { load } from './load.ts'
import { minority } from './minority.ts'
import { rejoin } from './rejoin.ts'
import type { Report } from './report.ts'
import { soak } from './soak.ts'

/** A number that a mode takes as an option, its default, and its bounds. */
export type NumberOption = {
  readonly what: string
  readonly default: number | 'drawn'
  readonly least: number
  readonly most: number
}
export type Values = Readonly<Record<string, number>>
type Run = {
  readonly values: Values
  readonly flags: ReadonlySet<string>
  readonly tell: (line: string) => void
}
export type Mode = {
  readonly purpose: string
  readonly options: Readonly<Record<string, NumberOption>>
  /** Options without a value. */
  readonly flags?: Readonly<Record<string, string>>
  /** What a run without violations has shown. */
  readonly shows: string
  readonly run: (run: Run) => Promise<Report>
}

const MINUTES: NumberOption = { what: 'how long', default: 10, least: 0.01, most: 10_000 }
const NODES: NumberOption = { what: 'metadata nodes', default: 3, least: 1, most: 7 }

function clients(standard: number): NumberOption {
  return { what: 'clients, one request under way each', default: standard, least: 1, most: 10_000 }
}

export const MODES: Readonly<Record<string, Mode>> = {
  faults: {
    purpose: 'processes are killed and stopped, links are cut; the history of all clients is checked',
    options: {
      minutes: MINUTES,
      seed: { what: 'draws the faults', default: 'drawn', least: 0, most: Number.MAX_SAFE_INTEGER },
      nodes: NODES,
      clients: clients(8),
    },
    shows: 'linearizable, and all nodes agree',
    run: async ({ values: { minutes, seed, nodes, clients }, tell }) => {
      const options = { seconds: minutes! * 60, seed: seed!, nodes: nodes!, clients: clients!, tell }
      const { operations, unknown, faults, violations } = await soak(options)
      return {
        figures: { seed: seed!, operations, unknown, faults: Object.fromEntries([...faults].sort()) },
        violations,
      }
    },
  },
  load: {
    purpose:
      'as many writes as the controller takes, by default options and without a fault: no election, no failure',
    options: {
      minutes: MINUTES,
      nodes: NODES,
      storage: { what: 'storage nodes', default: 3, least: 1, most: 100 },
      clients: clients(64),
    },
    shows: 'no election, and every write was done',
    run: ({ values: { minutes, nodes, storage, clients }, tell }) =>
      load({ seconds: minutes! * 60, nodes: nodes!, storage: storage!, clients: clients!, tell }),
  },
  minority: {
    purpose:
      'two of three metadata nodes stand still, the third is offered writes: it refuses them, and its memory stays flat',
    options: { minutes: MINUTES, clients: clients(16) },
    flags: { kill: 'the two are killed, instead of stopped with their connections open' },
    shows: 'all was refused, nothing of it was done, and the cluster serves again; growth of memory as above',
    run: ({ values: { minutes, clients }, flags, tell }) =>
      minority({
        seconds: minutes! * 60,
        clients: clients!,
        gone: flags.has('kill') ? 'kill' : 'stop',
        tell,
      }),
  },
  rejoin: {
    purpose: 'a metadata node that was away for many entries catches up by a snapshot and what follows it',
    options: {
      // With fewer no snapshot is due, and there is nothing to show.
      entries: { what: 'entries that it lacks', default: 1_000_000, least: 250_000, most: 1e9 },
      clients: clients(256),
    },
    shows: 'it came back by a snapshot, and all nodes agree',
    run: ({ values: { entries, clients }, tell }) => rejoin({ entries: entries!, clients: clients!, tell }),
  },
}
