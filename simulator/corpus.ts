/** Seeds that showed something once, and are run with every test. */
export type KeptSeed = { readonly seed: number; readonly nodes: number | null; readonly why: string }

/**
 * The first to catch a planted bug each (`mutations/`): they go where such bugs lie. A seed names a run of this
 * simulator: when the simulator draws otherwise, npm run mutate tells the new ones.
 */
export const CORPUS: readonly KeptSeed[] = [
  { seed: 6, nodes: null, why: 'a torn write at the end of the log; two snapshots, and the log behind them' },
  {
    seed: 7,
    nodes: null,
    why: 'appends from before the snapshot; a proposal that is written over; wiped drives',
  },
  { seed: 9, nodes: null, why: 'two states that go to disk together; a deposed leader is asked to read' },
  { seed: 10, nodes: null, why: 'late answers to heartbeats of a leader that is none any more' },
  { seed: 13, nodes: null, why: 'an install that is cut short; a refusal whose hint is taken for a match' },
  {
    seed: 16,
    nodes: null,
    why: 'a node that came back on an empty drive hears what was said to the drive before',
  },
  { seed: 22, nodes: null, why: 'a snapshot that ends inside a longer log which parted from it' },
  { seed: 43, nodes: null, why: 'an election in the joint phase of a change of members' },
  { seed: 81, nodes: null, why: 'a write that is overtaken by a truncation' },
  { seed: 85, nodes: null, why: 'acknowledgements of a drive that another one took the place of' },
  { seed: 152, nodes: null, why: 'a voter is to be removed while another one is silent' },
  { seed: 43, nodes: 5, why: 'acknowledgements of an earlier reign come back to their leader' },
]
