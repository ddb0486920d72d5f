import { type Decision, reject } from '../decision.ts'
import { MOVES_WAIT_THEIR_TURN } from '../features.ts'
import type { Image } from '../image.ts'
import { movesWaitTheirTurn } from './move-room.ts'

/** At most so many partitions are moved at a time from now on; none if it is 0. Those that have begun go on. */
export type ThrottleMovesCommand = {
  readonly type: 'ThrottleMovesCommand'
  readonly time: number
  /** Null: as the controller is configured. */
  readonly movesMax: number | null
}

export function decide(image: Image, { movesMax }: ThrottleMovesCommand): Decision {
  const { movesMax: before = null, ...others } = image.cluster
  if (!movesWaitTheirTurn(image))
    return reject(
      'FEATURE_UPDATE_FAILED',
      `moves are throttled from metadata.version ${MOVES_WAIT_THEIR_TURN} on, it is ${others.features['metadata.version']}`,
    )
  if (movesMax === before) return { changes: [] }
  const cluster = movesMax === null ? others : { ...others, movesMax }
  return { changes: [{ kind: 'clusterSet', cluster }] }
}
