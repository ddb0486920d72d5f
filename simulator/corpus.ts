/** Seeds that showed something once, and are run with every test. */
export type KeptSeed = { readonly seed: number; readonly nodes: number | null; readonly why: string }

/**
 * The first to catch a planted bug each (`mutations/`): they go where such bugs lie. A seed names a run of this
 * simulator: when the simulator draws otherwise, npm run mutate tells the new ones.
 */
export const CORPUS: readonly KeptSeed[] = [
  {
    seed: 6,
    nodes: null,
    why: 'changes of members: learners, both phases, a joint configuration that nobody leaves',
  },
  { seed: 7, nodes: null, why: 'a disk that fails; drives that are wiped, put back and exchanged' },
  {
    seed: 9,
    nodes: null,
    why: 'a newcomer hears what was said to the drive before it; a change of members that is cut off',
  },
  {
    seed: 10,
    nodes: null,
    why: 'appends that were lost without a trace; a follower that is told of more than it has',
  },
  { seed: 15, nodes: null, why: 'joint consensus that is left too early; a leader that leaves' },
  { seed: 17, nodes: null, why: 'the longer log against the later term' },
  { seed: 26, nodes: null, why: 'a proposal that is written over' },
  { seed: 28, nodes: null, why: 'a deposed leader is asked to read' },
  { seed: 35, nodes: null, why: 'late answers to heartbeats of a leader that is none any more' },
  { seed: 37, nodes: null, why: 'damage before the end of the log' },
  {
    seed: 44,
    nodes: null,
    why: 'a write that is overtaken by a truncation; a leader that leaves, and how it counts',
  },
  { seed: 57, nodes: null, why: 'a majority of all voters together that is none in the joint phase' },
  { seed: 70, nodes: null, why: 'a voter is to be removed while another one is silent' },
  { seed: 110, nodes: null, why: 'a snapshot that ends inside a longer log which parted from it' },
  { seed: 117, nodes: null, why: 'acknowledgements of a drive that another one took the place of' },
  { seed: 141, nodes: null, why: 'a node fails in the turn in which something is proposed' },
  { seed: 177, nodes: null, why: 'a second change of members while the first is under way' },
  {
    seed: 500_686,
    nodes: null,
    why: 'a node comes back upgraded, and the stream for snapshots to it never heard that it was away',
  },
  { seed: 7, nodes: 5, why: 'acknowledgements of an earlier reign come back to their leader' },
]
