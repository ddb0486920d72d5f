import type { AcceptedCommand, ChangeRing } from '../metadata/change-ring.ts'
import type { Image } from '../metadata/image.ts'
import { PinnedImage } from '../metadata/pinned-image.ts'
import { historySteps } from './history.ts'
import { type Touched, touchedSteps, type View, viewSteps } from './steps.ts'
import type { Step, TableName } from './tables.ts'

/** What is mirrored: the image, and how it came about lately. */
export type MirrorSource = { readonly image: Image; readonly ring: ChangeRing }

/** Up to where the tables follow the image. */
export type Position = {
  readonly recoveryEpoch: number
  /** 0: nothing is there yet that could be relied on. */
  readonly version: number
  /** Time of the image at that version: what changed since has changed since then. */
  readonly time: number
}

/** What leads the tables from one version to another, as one transaction. To be released. */
export type Batch = {
  readonly to: Position & { readonly stateHash: string }
  /** Tables that are emptied first; the image follows as a whole. */
  readonly clears: readonly TableName[]
  /** Pulled one by one: each takes the event loop a few milliseconds at most. */
  readonly steps: Iterable<Step>
  readonly release: () => void
}

/** What touches so much at most is read at once; more is read bit by bit, from an image that is pinned meanwhile. */
const READ_AT_ONCE = 1_000
const IMAGE_TABLES: readonly TableName[] = ['brokers', 'topics', 'partitions']

/** Takes the image as it is now. */
export function nextBatch(source: MirrorSource, from: Position, recoveryEpoch: number): Batch {
  const sameEpoch = from.recoveryEpoch === recoveryEpoch
  const commands = sameEpoch && from.version > 0 ? source.ring.since(from.version) : null
  if (commands === null) return wholeBatch(source, from, recoveryEpoch)
  const touched = { commands, since: from.time }
  const history = historySteps(recoveryEpoch, null, commands)
  return isSmall(source.image, commands)
    ? smallBatch(source.image, recoveryEpoch, touched, history)
    : pinnedBatch(source.image, recoveryEpoch, touched, history)
}

/** The history goes on where it can; rows of a history that nobody vouches for do not stay. */
function wholeBatch({ image, ring }: MirrorSource, from: Position, recoveryEpoch: number): Batch {
  const known = from.recoveryEpoch === recoveryEpoch ? from.version : 0
  const begin = Math.max(known, ring.from)
  const gap = begin > known ? { from: known + 1, to: begin, time: image.time } : null
  const history = historySteps(recoveryEpoch, gap, ring.since(begin)!)
  const batch = pinnedBatch(image, recoveryEpoch, null, history)
  return { ...batch, clears: from.version === 0 ? [...IMAGE_TABLES, 'history'] : IMAGE_TABLES }
}

function isSmall(image: Image, commands: readonly AcceptedCommand[]): boolean {
  if (commands.length > READ_AT_ONCE) return false
  let reads = 0
  for (const { topics, many } of commands) {
    reads += topics.length
    if (many !== undefined || reads > READ_AT_ONCE) return false
    for (const name of topics) reads += image.topic(name)?.rows.length ?? 0
  }
  return reads <= READ_AT_ONCE
}

function smallBatch(image: Image, recoveryEpoch: number, touched: Touched, history: Iterable<Step>): Batch {
  const names = new Set(touched.commands.flatMap(({ topics }) => topics))
  const ids = new Set(touched.commands.flatMap(({ brokers }) => brokers))
  const view: View = {
    brokers: [...ids].flatMap(id => image.broker(id) ?? []),
    topics: [...names].flatMap(name => image.topic(name) ?? []),
    partition: row => image.partition(row),
    topicNumber: row => image.topicNumber(row),
  }
  const rows = [...touchedSteps(image, view, touched)]
  return {
    to: positionOf(image, recoveryEpoch),
    clears: [],
    steps: inOrder(rows, history),
    release: () => {},
  }
}

/** `touched` null: everything. */
function pinnedBatch(
  image: Image,
  recoveryEpoch: number,
  touched: Touched | null,
  history: Iterable<Step>,
): Batch {
  const pinned = new PinnedImage(image)
  const rows = touched === null ? viewSteps(image, pinned, null) : touchedSteps(image, pinned, touched)
  return {
    to: positionOf(pinned, recoveryEpoch),
    clears: [],
    steps: inOrder(rows, history),
    release: () => pinned.release(),
  }
}

function positionOf(
  { version, time, stateHash }: Pick<Image, 'version' | 'time' | 'stateHash'>,
  recoveryEpoch: number,
): Batch['to'] {
  return { recoveryEpoch, version, time, stateHash }
}

function* inOrder(...parts: readonly Iterable<Step>[]): Generator<Step> {
  for (const part of parts) yield* part
}
