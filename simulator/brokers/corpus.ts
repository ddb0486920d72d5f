import type { KeptSeed } from '../corpus.ts'

/** Seeds of the whole system that showed something once, and are run with every test. */
export type KeptBrokerSeed = KeptSeed & { readonly brokers: number }

export const BROKER_CORPUS: readonly KeptBrokerSeed[] = [
  { seed: 5, nodes: null, brokers: 5, why: 'a storage node that is stopped before it could register' },
  {
    seed: 8,
    nodes: null,
    brokers: 5,
    why: 'a registration that counts after its process has stopped, which never heard of it',
  },
  { seed: 8, nodes: null, brokers: 4, why: 'a storage node that is refused again and again' },
  { seed: 11, nodes: null, brokers: 4, why: 'a broker finds metadata on its disk by which it would lead' },
  {
    seed: 14,
    nodes: null,
    brokers: 4,
    why: 'a move is cancelled when those that were there before are lost',
  },
  { seed: 17, nodes: null, brokers: 4, why: 'a leader proposes an ISR as it was' },
  { seed: 20, nodes: null, brokers: 4, why: 'a leader whose ISR is below its minimum' },
  { seed: 35, nodes: null, brokers: 4, why: 'a message of an older controller' },
  { seed: 48, nodes: null, brokers: 4, why: 'moves that wait for their turn' },
  { seed: 86, nodes: null, brokers: 4, why: 'a process is taken for the one before it' },
  { seed: 151, nodes: null, brokers: 4, why: 'an ISR is proposed, and its fate is not known' },
]
