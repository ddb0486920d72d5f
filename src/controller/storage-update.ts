import type { AcceptedCommand } from '../metadata/change-ring.ts'
import { type ImageView, renderImage } from '../metadata/render.ts'
import { delta, partitionsTouched } from './delta.ts'
import type { Replica } from './replica.ts'
import type { Subscriber } from './subscriber.ts'

/** The controller as storage nodes are told of it. */
export type ControllerIdentity = {
  readonly clusterId: string
  readonly recoveryEpoch: number
  readonly controllerTerm: number
  readonly controllerId: number
  readonly controllerUrl: string
}

export type BareCommand = Pick<AcceptedCommand, 'version' | 'commandType' | 'commandData'>

export type StorageUpdate = ControllerIdentity & {
  readonly updateType: 'FULL_SNAPSHOT' | 'DELTA' | 'CONTROLLER_CHANGED'
  readonly fromVersion: number
  readonly version: number
  readonly stateHash: string | undefined
  readonly timestamp: number
  readonly commands?: readonly BareCommand[]
  readonly changes?: readonly unknown[]
  readonly snapshot?: ImageView
  /** What the node said that it has, and is wrong: while it has that, the whole image is to be fetched. */
  readonly repair?: { readonly version: number; readonly stateHash: string }
}

/** Larger images are not sent whole: the node is told the version, sees the gap and pulls. */
export const SNAPSHOT_PARTITIONS_MAX = 1_000
const COMMANDS_BYTES_MAX = 400_000
/** What is longer does not fit into a request; the node pulls it. */
const UPDATE_BYTES_MAX = 1_000_000

/** What the node is to be sent now, as JSON: what it lacks, or that it must pull. */
export function updateFor(identity: ControllerIdentity, replica: Replica, subscriber: Subscriber): string {
  const text = JSON.stringify(draft(identity, replica, subscriber))
  return Buffer.byteLength(text) <= UPDATE_BYTES_MAX
    ? text
    : JSON.stringify(mustPull(commonOf(identity, replica)))
}

function draft(identity: ControllerIdentity, replica: Replica, subscriber: Subscriber): StorageUpdate {
  const { broker, version: fromVersion, stateHash, repair, whole } = subscriber
  const { image, ring } = replica
  const common = commonOf(identity, replica)
  if (repair && stateHash !== null && fromVersion !== null)
    return { ...mustPull(common), repair: { version: fromVersion, stateHash } }
  if (whole.length > 0) return wholeOf(common, replica)
  if (fromVersion === null) return { ...common, updateType: 'CONTROLLER_CHANGED', fromVersion: image.version }
  const commands = ring.since(fromVersion)
  if (commands === null) return wholeOf(common, replica)
  // Our storage nodes replay commands: the loss of a broker costs them 200 bytes. Others are shown the rows.
  if (broker.incarnationId !== null) return replayOf(common, fromVersion, commands)
  return partitionsTouched(image, commands) > SNAPSHOT_PARTITIONS_MAX
    ? mustPull(common)
    : { ...common, updateType: 'DELTA', fromVersion, changes: delta(image, commands) }
}

type Common = ControllerIdentity & Pick<StorageUpdate, 'version' | 'stateHash' | 'timestamp'>

function commonOf(identity: ControllerIdentity, { image }: Replica): Common {
  const { version, stateHash, time: timestamp } = image
  return { ...identity, version, stateHash, timestamp }
}

function wholeOf(common: Common, { image }: Replica): StorageUpdate {
  if (image.partitionCount > SNAPSHOT_PARTITIONS_MAX) return mustPull(common)
  return { ...common, updateType: 'FULL_SNAPSHOT', fromVersion: 0, snapshot: renderImage(image) }
}

/** The node is told the version; it sees that it lacks something, and asks for it. */
function mustPull(common: Common): StorageUpdate {
  return { ...common, updateType: 'DELTA', fromVersion: common.version, commands: [] }
}

/** Short of the newest version there is no hash to compare with; the rest follows with the next update. */
function replayOf(common: Common, fromVersion: number, commands: readonly AcceptedCommand[]): StorageUpdate {
  const part = firstBytes(commands, COMMANDS_BYTES_MAX)
  const whole = part.length === commands.length
  const upTo = whole ? common : { ...common, version: part.at(-1)!.version, stateHash: undefined }
  return { ...upTo, updateType: 'DELTA', fromVersion, commands: part.map(bare) }
}

/** The oldest commands that fit, at least one. */
export function firstBytes(
  commands: readonly AcceptedCommand[],
  bytesMax: number,
): readonly AcceptedCommand[] {
  let bytes = 0
  const end = commands.findIndex((command, i) => {
    bytes += command.commandData.length
    return i > 0 && bytes > bytesMax
  })
  return end < 0 ? commands : commands.slice(0, end)
}

/** Without what only the change ring needs. */
export function bare({ version, commandType, commandData }: AcceptedCommand): BareCommand {
  return { version, commandType, commandData }
}
