import { ANSWERS_BUGS } from './answers.ts'
import { BROKERS_BUGS } from './brokers.ts'
import { COMMIT_BUGS } from './commit.ts'
import { DURABILITY_BUGS } from './durability.ts'
import { ELECTIONS_BUGS } from './elections.ts'
import { IDENTITY_BUGS } from './identity.ts'
import { MEMBERSHIP_BUGS } from './membership.ts'
import type { Mutation } from './mutation.ts'
import { READS_BUGS } from './reads.ts'
import { RECOVERY_BUGS } from './recovery.ts'
import { REPLICATION_BUGS } from './replication.ts'
import { SNAPSHOTS_BUGS } from './snapshots.ts'

/** The simulator must catch each of them within a bounded number of seeds: else it would not catch the real one either. */
export const MUTATIONS: readonly Mutation[] = [
  ...ELECTIONS_BUGS,
  ...COMMIT_BUGS,
  ...REPLICATION_BUGS,
  ...DURABILITY_BUGS,
  ...RECOVERY_BUGS,
  ...ANSWERS_BUGS,
  ...READS_BUGS,
  ...SNAPSHOTS_BUGS,
  ...IDENTITY_BUGS,
  ...MEMBERSHIP_BUGS,
  ...BROKERS_BUGS,
]
