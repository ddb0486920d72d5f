import { assert } from '../base/assert.ts'
import { changedCount } from './change.ts'
import type { Command } from './command.ts'
import { Image } from './image.ts'
import { apply } from './metadata.ts'
import { SnapshotReader, writeImage } from './snapshot.ts'
import { touchedBy } from './touched.ts'

const BROKERS = [0, 1, 2, 3, 4, 5, 6, 7]
export const REHEARSAL_ROUNDS = 6
// So many that every table in an image has grown: code that became fast on what had never changed would begin anew.
const TOPICS = 40
const PARTITIONS = 100
/** Of the size that times have: code that became fast on small numbers would have to begin anew with the first large one. */
const TIME = 1_700_000_000_000

/**
 * Brokers go, in a small cluster that nobody sees. When a broker that leads 100,000 partitions goes, everybody waits until
 * one command is applied, and where that runs for the first time it takes more than twice as long: the engine makes code fast
 * only as it runs. So it has run before, in {@link REHEARSAL_ROUNDS} rounds. Returns how many partitions were changed.
 */
export function rehearseLoss(round: number): number {
  const image = restored(smallCluster())
  // While a snapshot is written, rows are kept before they change.
  const captured = round % 2 === 0 ? image.capture() : null
  const changed = loseBrokers(image)
  if (captured !== null) image.release(captured)
  return changed
}

/** As a node has it that was started again. */
function restored(image: Image): Image {
  const reader = new SnapshotReader()
  for (const piece of writeImage(image)) reader.take(piece)
  return reader.finish().image
}

/** Every broker but the last one goes. */
function loseBrokers(image: Image): number {
  let changed = 0
  for (const brokerId of BROKERS.slice(0, -1)) {
    const { brokerEpoch } = image.broker(brokerId)!
    const [status, reason] = ['OFFLINE', 'a rehearsal'] as const
    const type = 'UpdateBrokerStatusCommand'
    changed += applyTo(image, { type, time: TIME, brokerId, brokerEpoch, status, reason })
  }
  return changed
}

function smallCluster(): Image {
  const image = new Image()
  for (const brokerId of BROKERS) {
    const at = { host: 'h', port: 1, rack: null, resources: {}, listeners: [] }
    const who = { incarnationId: null, pairedMetadataServiceId: null, previousBrokerEpoch: null }
    applyTo(image, { type: 'RegisterBrokerCommand', time: TIME, brokerId, ...at, ...who })
  }
  for (let topic = 0; topic < TOPICS; topic++) {
    const assignments = Array.from({ length: PARTITIONS }, (_, p) =>
      [0, 1 + (topic % 3), 4 + (topic % 4)].map(r => BROKERS[(p + r) % BROKERS.length]!),
    )
    const named = { topicName: `rehearsal-${topic}`, topicId: `rehearsal-${topic}` }
    applyTo(image, { type: 'CreateTopicCommand', time: TIME, ...named, assignments, config: {} })
  }
  return image
}

/** Returns how many partitions changed. */
function applyTo(image: Image, command: Command): number {
  const done = apply(image, command, image.version + 1, changes => void touchedBy(image, changes))
  assert('changes' in done && done.changes.length > 0, `${command.type} does what is rehearsed`)
  return changedCount(done.changes)
}
