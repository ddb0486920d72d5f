import type { StorageNode } from '../broker/broker.ts'
import type { Clock } from '../io/clock.ts'
import type { ClusterKey } from '../io/cluster-key.ts'
import type { SessionDoors } from './session-doors.ts'

/** What the endpoints of a storage node work with. */
export type StorageContext = {
  readonly broker: StorageNode
  readonly key: ClusterKey
  readonly clock: Clock
  /** What the controller reaches on the session. */
  readonly doors: SessionDoors
}
