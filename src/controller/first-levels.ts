import type { FeatureLevels } from '../metadata/features.ts'
import { ownWrite, type Proposer } from './proposer.ts'
import type { Replica } from './replica.ts'

/**
 * A cluster in which nothing has happened yet begins with these levels: its first controller raises them before it does
 * anything else. Later they are for an operator to raise, when every node supports them.
 */
export async function beginWith(
  levels: FeatureLevels,
  { replica, proposer }: { readonly replica: Replica; readonly proposer: Proposer },
): Promise<void> {
  if (replica.image.version > 0) return
  // Where it is not the controller any more, the next one does it; a disk that is full takes no other write either.
  await proposer.propose({ type: 'UpdateFeaturesCommand', levels }, ownWrite('founding')).catch(() => {})
}
