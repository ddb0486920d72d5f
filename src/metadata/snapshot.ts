import { assert } from '../base/assert.ts'
import { FEATURES, supportsAll } from './features.ts'
import { type FirstResult, IdempotencyKeys } from './idempotency.ts'
import { type CapturedImage, Image, type LoadedHead } from './image.ts'
import { PartitionPage, rowsOfPage } from './partition-page.ts'
import type { Topic } from './topic.ts'
import { follow, rowsFrom } from './topic-page.ts'

/**
 * Image and idempotency keys as a sequence of pieces, small enough that neither writing nor reading one holds up the
 * process. The first byte of a piece says what follows:
 *
 * | byte | what | how many |
 * |---|---|---|
 * | 1 | head: version, time, state hash, cluster, brokers, replica lists, free rows, reassignments (JSON) | 1 |
 * | 2 | a page of the partition table: its columns as they lie in memory | one per page, in order |
 * | 3 | topics (JSON), with the rows of their partitions | any |
 * | 4 | names of all topics, sorted (JSON) | any |
 * | 5 | results of keyed requests (JSON), oldest first | any |
 * | 6 | the end: how many topics there are (JSON) | 1 |
 *
 * The columns are written, not the partitions: two million of them take less than a hundred megabytes, and are read back
 * without a parser.
 */
const HEAD = 1
const PAGE = 2
const TOPICS = 3
const NAMES = 4
const KEYS = 5
const END = 6

const FORMAT = 3
const TOPICS_PER_PIECE = 256
const NAMES_PER_PIECE = 4096
const KEYS_PER_PIECE = 512

/**
 * The pieces of the state as it is now, whatever becomes of it; each is made when it is pulled. Several may be written at
 * once. What is begun must be read to its end or returned: until then, pages that change are copied.
 */
export function writeSnapshot(image: Image, keys: IdempotencyKeys): Iterable<Uint8Array> {
  return released(image, image.capture(), keys.capture())
}

/** The same without the results of keyed requests: all that a storage node needs. */
export function writeImage(image: Image): Iterable<Uint8Array> {
  return released(image, image.capture(), [])
}

function* released(
  image: Image,
  captured: CapturedImage,
  results: readonly FirstResult[],
): Generator<Uint8Array> {
  try {
    yield* imagePieces(captured)
    for (const part of parts(results, KEYS_PER_PIECE)) yield json(KEYS, part)
    yield json(END, { topics: captured.topics.length })
  } finally {
    image.release(captured)
  }
}

function* imagePieces({
  version,
  time,
  stateHash,
  cluster,
  brokers,
  topics,
  names,
  table,
}: CapturedImage): Generator<Uint8Array> {
  const { pages, topicIds: _, ...head } = table
  const { rows } = head
  yield json(HEAD, { format: FORMAT, version, time, stateHash, cluster, brokers, table: head })
  for (const [i, { page }] of pages.entries()) yield piece(PAGE, page.encode(rowsOfPage(rows, i)))
  for (const part of parts(topics, TOPICS_PER_PIECE)) yield json(TOPICS, part.map(packTopic))
  for (const part of parts(names, NAMES_PER_PIECE)) yield json(NAMES, part)
}

function json(kind: number, value: unknown): Uint8Array {
  return piece(kind, new TextEncoder().encode(JSON.stringify(value)))
}

function piece(kind: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + body.length)
  bytes[0] = kind
  bytes.set(body, 1)
  return bytes
}

type List<T> = { readonly length: number; slice(start: number, end: number): readonly T[] }

function* parts<T>(list: List<T>, size: number): Generator<readonly T[]> {
  for (let start = 0; start < list.length; start += size) yield list.slice(start, start + size)
}

type PackedTopic = Omit<Topic, 'rows'> & {
  readonly rows: readonly number[] | { from: number; count: number }
}

/** Rows that were given out together follow each other. */
function packTopic(topic: Topic): PackedTopic {
  const { rows } = topic
  return { ...topic, rows: follow(rows) ? { from: rows[0] ?? 0, count: rows.length } : rows }
}

function unpackTopic(packed: PackedTopic): Topic {
  const { rows } = packed
  if (!('from' in rows)) return { ...packed, rows }
  return { ...packed, rows: rowsFrom(rows.from, rows.count) }
}

/** Builds an image from the pieces of one. Throws on what is no snapshot of this format, or does not fit together. */
export class SnapshotReader {
  readonly image = new Image()
  readonly keys = new IdempotencyKeys()
  #stateHash = ''
  #rows = 0
  #pages = 0
  #topics = 0
  #complete = false

  take(piece: Uint8Array): void {
    assert(!this.#complete, 'nothing follows the end of a snapshot')
    const body = piece.subarray(1)
    switch (piece[0]) {
      case HEAD:
        return this.#takeHead(parse(body))
      case PAGE:
        return this.#takePage(body)
      case TOPICS:
        return this.#takeTopics(parse(body))
      case NAMES:
        return this.image.loadNames(parse(body))
      case KEYS:
        return this.#takeKeys(parse(body))
      case END:
        return this.#takeEnd(parse(body))
      default:
        throw new Error(`the snapshot has a piece of kind ${piece[0]}, which this release does not know`)
    }
  }

  /** What was read, once the end has come. */
  finish(): { image: Image; keys: IdempotencyKeys } {
    assert(this.#complete, 'the snapshot has an end')
    return { image: this.image, keys: this.keys }
  }

  #takeHead(head: LoadedHead & { format: number; stateHash: string }): void {
    if (head.format !== FORMAT) {
      const text = `the snapshot holds metadata of format ${head.format}, this release reads format ${FORMAT}`
      throw new Error(`${text}. Start the release that wrote it.`)
    }
    if (head.cluster !== undefined && !supportsAll(head.cluster.features))
      throw new Error(
        `the snapshot is at levels ${JSON.stringify(head.cluster.features)}, this release supports ${JSON.stringify(FEATURES)}. ` +
          'Start the release that wrote it, or a later one.',
      )
    this.#stateHash = head.stateHash
    this.#rows = head.table.rows
    this.image.load(head)
  }

  #takePage(body: Uint8Array): void {
    const page = new PartitionPage()
    assert(page.decode(body, rowsOfPage(this.#rows, this.#pages)), 'a page has all its columns')
    this.image.loadPage(page)
    this.#pages += 1
  }

  #takeTopics(topics: readonly PackedTopic[]): void {
    for (const topic of topics) this.image.loadTopic(unpackTopic(topic))
    this.#topics += topics.length
  }

  #takeKeys(results: readonly FirstResult[]): void {
    for (const result of results) this.keys.add(result)
  }

  #takeEnd({ topics }: { topics: number }): void {
    assert(rowsOfPage(this.#rows, this.#pages) === 0, 'all pages are there')
    assert(topics === this.#topics && topics === this.image.topicNames.length, 'all topics are there')
    assert(this.#stateHash === this.image.stateHash, 'the state hash of the snapshot fits what is in it')
    this.#complete = true
  }
}

function parse<T>(body: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(body)) as T
}
