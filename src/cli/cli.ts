import type { Command } from 'commander'
import type { ClusterKey } from '../io/cluster-key.ts'
import { broker } from './commands/broker.ts'
import { cluster } from './commands/cluster.ts'
import { explain } from './commands/explain.ts'
import { features } from './commands/features.ts'
import { history } from './commands/history.ts'
import { leader } from './commands/leader.ts'
import { plan } from './commands/plan.ts'
import { quorum } from './commands/quorum.ts'
import { reassign } from './commands/reassign.ts'
import { rebalance } from './commands/rebalance.ts'
import { topic } from './commands/topic.ts'

/** The door of the room: the commands that talk to a running cluster, over REST alone. */
export function addClusterCommands(
  program: Command,
  readKey: (file: string | null, secret: string | null) => ClusterKey | null,
): void {
  topic(program)
  broker(program)
  leader(program)
  reassign(program)
  rebalance(program)
  features(program)
  cluster(program)
  quorum(program, readKey)
  history(program)
  explain(program)
  plan(program)
}
