import type { Consensus } from '../consensus/consensus.ts'
import type { FeatureLevels } from '../metadata/features.ts'
import { ownWrite, type Proposer } from './proposer.ts'

type Parts = { readonly consensus: Pick<Consensus, 'applied'>; readonly proposer: Proposer }

/** The founding, and the entry with which its first controller began. */
const FIRST_ENTRIES = 2

/**
 * A cluster that was founded just now begins with these levels: its first controller raises them before anything else is
 * written. Later, or where an earlier release has founded it, they are for an operator to raise, when every node supports
 * them; so they are where that controller dies at once.
 */
export async function beginWith(levels: FeatureLevels, { consensus, proposer }: Parts): Promise<void> {
  if (consensus.applied > FIRST_ENTRIES) return
  await proposer.propose({ type: 'UpdateFeaturesCommand', levels }, ownWrite('founding')).catch(() => {})
}
