/** Seeds that showed something once, and are run with every test. */
export type KeptSeed = { readonly seed: number; readonly nodes: number | null; readonly why: string }

/**
 * The first to catch a planted bug each (`mutations.ts`): they go where such bugs lie. A seed names a run of this
 * simulator: when the simulator draws otherwise, npm run mutate tells the new ones.
 */
export const CORPUS: readonly KeptSeed[] = [
  { seed: 142, nodes: null, why: 'pre-votes that arrive after the election has begun' },
  { seed: 4, nodes: null, why: 'a crash between two writes that go together' },
  { seed: 6, nodes: null, why: 'an election in which the own vote is slow to reach the disk' },
  { seed: 7, nodes: null, why: 'a torn write at the end of the log' },
  { seed: 8, nodes: null, why: 'a bit lost in the last frame of the log' },
  { seed: 10, nodes: null, why: 'a bit lost in the middle of the log' },
  { seed: 17, nodes: null, why: 'appends that are lost without a trace, and a window that is full' },
  { seed: 19, nodes: null, why: 'two states that go to disk together' },
  {
    seed: 22,
    nodes: null,
    why: 'a long log of an old term against a short one of a later term; a wiped disk',
  },
  { seed: 36, nodes: null, why: 'a proposal that another leader writes over' },
  { seed: 1, nodes: 5, why: 'acknowledgements of an earlier reign come back to their leader' },
]
