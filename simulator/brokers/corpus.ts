import type { KeptSeed } from '../corpus.ts'

/** Seeds of the whole system that showed something once, and are run with every test. */
export type KeptBrokerSeed = KeptSeed & { readonly brokers: number }

export const BROKER_CORPUS: readonly KeptBrokerSeed[] = [
  {
    seed: 2034,
    nodes: null,
    brokers: 5,
    why: 'a storage node that is stopped before it could register; an unready controller',
  },
  {
    seed: 601_212,
    nodes: null,
    brokers: 4,
    why: 'a registration that counts after its process has stopped, which never heard of it',
  },
  { seed: 2067, nodes: null, brokers: 5, why: 'two clean stops while no controller is at work' },
]
