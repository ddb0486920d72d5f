import type { KeptSeed } from '../corpus.ts'

/** Seeds of the whole system that showed something once, and are run with every test. */
export type KeptBrokerSeed = KeptSeed & { readonly brokers: number }

export const BROKER_CORPUS: readonly KeptBrokerSeed[] = [
  { seed: 5, nodes: null, brokers: 5, why: 'a storage node that is stopped before it could register' },
  {
    seed: 14,
    nodes: null,
    brokers: 4,
    why: 'a move is cancelled when those that were there before are lost',
  },
  { seed: 15, nodes: null, brokers: 4, why: 'the proof of a clean stop comes back after a loss of power' },
  { seed: 20, nodes: null, brokers: 4, why: 'a leader whose ISR is below its minimum' },
  { seed: 46, nodes: null, brokers: 4, why: 'a process is taken for the one before it' },
  {
    seed: 54,
    nodes: null,
    brokers: 5,
    why: 'a registration that counts after its process has stopped, which never heard of it',
  },
  { seed: 151, nodes: null, brokers: 4, why: 'an ISR is proposed, and its fate is not known' },
]
