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
    why: 'changes of members: learners, old voters, a joint configuration that nobody leaves; a leader that has left',
  },
  { seed: 7, nodes: null, why: 'a disk that fails; drives that are wiped' },
  {
    seed: 9,
    nodes: null,
    why: 'a follower that is told of more than it has; a second change of members while the first is under way',
  },
  {
    seed: 15,
    nodes: null,
    why: 'a write that is torn, a snapshot that gets its name too early; new voters that are no majority',
  },
  { seed: 17, nodes: null, why: 'a new leader is asked to read' },
  { seed: 18, nodes: null, why: 'a newcomer on the drive of another' },
  { seed: 23, nodes: null, why: 'a leader that is none any more is asked to read' },
  {
    seed: 28,
    nodes: null,
    why: 'a change of members that is cut off, or left too early; two states that go to disk together; a proposal that is written over',
  },
  { seed: 35, nodes: null, why: 'a leader that leaves, and how it counts' },
  { seed: 37, nodes: null, why: 'damage before the end of the log' },
  { seed: 51, nodes: null, why: 'a snapshot that ends inside a longer log which parted from it' },
  { seed: 70, nodes: null, why: 'a write that is overtaken by a truncation' },
  { seed: 74, nodes: null, why: 'a voter is to be removed while another one is silent' },
  { seed: 77, nodes: null, why: 'late answers to an earlier round of heartbeats' },
  { seed: 88, nodes: null, why: 'acknowledgements of a drive that another one took the place of' },
  {
    seed: 500_686,
    nodes: null,
    why: 'a node comes back upgraded, and the stream for snapshots to it never heard that it was away',
  },
  { seed: 1_407_449, nodes: null, why: 'nobody can be elected without a learner that has more of the log' },
  { seed: 46, nodes: 5, why: 'acknowledgements of an earlier reign come back to their leader' },
]
