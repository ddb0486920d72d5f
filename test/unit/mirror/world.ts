import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import postgres from 'postgres'
import type { Clock } from '../../../src/io/clock.ts'
import { nodeClock } from '../../../src/io/node-clock.ts'
import { ChangeRing } from '../../../src/metadata/change-ring.ts'
import { type Command, encodeCommand } from '../../../src/metadata/command.ts'
import { Image } from '../../../src/metadata/image.ts'
import { apply } from '../../../src/metadata/metadata.ts'
import { touchedBy } from '../../../src/metadata/touched.ts'
import { type MirrorAddress, mirrorAddress } from '../../../src/mirror/address.ts'
import type { MirrorSource, Position } from '../../../src/mirror/batch.ts'
import type { MirrorEvents } from '../../../src/mirror/events.ts'
import { Mirror } from '../../../src/mirror/mirror.ts'
import { type MirrorIdentity, MirrorStore } from '../../../src/mirror/store.ts'
import { BROKERS, HISTORY, PARTITIONS, type Table, TOPICS } from '../../../src/mirror/tables.ts'
import type { History } from '../metadata/history.ts'
import { overTheWire, viewOf } from '../metadata/machine.ts'

export const CLUSTER = 'cluster-a'
export type Rows = readonly Readonly<Record<string, unknown>>[]
export type Contents = { brokers: Rows; topics: Rows; partitions: Rows }
export type Accepted = {
  version: number
  type: string
  command: Command
  topics: readonly string[]
  brokers: readonly number[]
}

/** A controller's metadata, without the cluster: an image that commands change, and the ring of its changes. */
export class Source implements MirrorSource {
  readonly image: Image
  ring: ChangeRing
  readonly accepted: Accepted[] = []
  onChange = (): void => {}
  #index: number

  constructor(ringBytes?: number, image = new Image()) {
    this.image = image
    this.ring = new ChangeRing(image.version, ringBytes)
    this.#index = image.version
  }

  apply(given: Command): void {
    this.#index += 1
    const command = overTheWire(given)
    const applied = apply(this.image, command, this.#index)
    if ('rejected' in applied || applied.changes.length === 0) return
    const touched = touchedBy(this.image, applied.changes)
    const [version, commandType, commandData] = [this.#index, command.type, encodeCommand(command)]
    this.ring.add({ version, commandType, commandData, ...touched })
    this.accepted.push({ version, type: commandType, command, ...touched })
    this.onChange()
  }

  live(history: History, count: number): void {
    for (let i = 0; i < count; i++) this.apply(history.next(this.image))
  }
}

const begun = new Set<Watched>()
const stores = new Set<MirrorStore>()

/** Also after a test that failed: what goes on would keep the process. */
export async function stopAll(): Promise<void> {
  for (const watched of begun) await watched.stop()
  for (const store of stores) await store.close()
  stores.clear()
}

/** The tables without the follower. */
export async function openStore({ address }: Place): Promise<MirrorStore> {
  const store = new MirrorStore(address)
  stores.add(store)
  await store.prepare()
  return store
}

/** A mirror with what it told; `reached` is an event, not a question. */
export class Watched {
  readonly mirror: Mirror
  readonly told: { event: keyof MirrorEvents; text: string }[] = []
  readonly #source: Source
  #version = -1
  #waiting: (() => void)[] = []

  constructor(address: MirrorAddress, source: Source, clock: Clock = nodeClock, historyMs?: number) {
    this.#source = source
    const note = (event: keyof MirrorEvents) => (fields: object) => {
      this.told.push({ event, text: JSON.stringify(fields) })
      if ('version' in fields) this.#version = fields.version as number
      for (const resolve of this.#waiting.splice(0)) resolve()
    }
    const names = ['following', 'written', 'failed', 'recovered', 'deposed', 'refused'] as const
    const events = Object.fromEntries(names.map(name => [name, note(name)])) as unknown as MirrorEvents
    this.mirror = new Mirror(address, {
      source,
      clock,
      events,
      ...(historyMs === undefined ? {} : { historyMs }),
    })
    source.onChange = () => this.mirror.wake()
    begun.add(this)
  }

  begin(identity: Partial<MirrorIdentity> = {}): this {
    this.mirror.begin({ clusterId: CLUSTER, recoveryEpoch: 0, term: 1, ...identity })
    return this
  }

  /** The tables are as the image is now. */
  caughtUp(): Promise<void> {
    return this.#until(() => this.#version === this.#source.image.version)
  }

  heard(event: keyof MirrorEvents, times = 1): Promise<void> {
    return this.#until(() => this.count(event) >= times)
  }

  count(event: keyof MirrorEvents): number {
    return this.told.filter(each => each.event === event).length
  }

  async stop(): Promise<void> {
    begun.delete(this)
    await this.mirror.stop()
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>(resolve => this.#waiting.push(resolve))
  }
}

/** One mirror's database, as other programs see it. */
export type Place = {
  readonly address: MirrorAddress
  /** All rows of these queries, from one snapshot of the database. */
  read(...queries: string[]): Promise<Rows[]>
  run(statement: string): Promise<void>
  close(): Promise<void>
}

const folder = mkdtempSync(join(tmpdir(), 'dmq-mirror-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
let places = 0

export function sqlitePlace(path = join(folder, `${++places}.db`)): Place {
  const address = mirrorAddress(`sqlite:${path}`)
  const using = <T>(use: (database: DatabaseSync) => T): T => {
    const database = new DatabaseSync(path, { timeout: 5_000 })
    try {
      return use(database)
    } finally {
      database.close()
    }
  }
  return {
    address,
    async read(...queries) {
      return using(database => {
        database.exec('BEGIN')
        const rows = queries.map(query => database.prepare(query).all() as Rows)
        database.exec('COMMIT')
        return rows
      })
    },
    run: async statement => using(database => database.exec(statement)),
    close: async () => {},
  }
}

export type PostgresPlace = Place & { readonly schema: string; close(drop?: boolean): Promise<void> }

/** A schema of its own in a database that is there, or one that was made before. */
export async function postgresPlace(url: string, given?: string): Promise<PostgresPlace> {
  const schema = given ?? `mirror_${process.pid}_${++places}`
  const sql = postgres(url, { max: 1, onnotice: () => {}, types: { bigint: BIGINT } })
  if (given === undefined) await sql.unsafe(`CREATE SCHEMA ${schema}`)
  await sql.unsafe(`SET search_path TO ${schema}`)
  return {
    address: mirrorAddress(`${url}?search_path=${schema}`),
    read: (...queries) =>
      sql.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', async within => {
        const rows: Rows[] = []
        for (const query of queries) rows.push([...(await within.unsafe(query))])
        return rows
      }) as Promise<Rows[]>,
    run: async statement => void (await sql.unsafe(statement)),
    schema,
    async close(drop = true) {
      if (drop) await sql.unsafe(`DROP SCHEMA ${schema} CASCADE`)
      await sql.end()
    },
  }
}

const BIGINT = { to: 20, from: [20], serialize: String, parse: Number }

/** The tables, lists and records read, by key. */
export async function contents(place: Place): Promise<Contents & { state: Record<string, unknown> }> {
  const select = ({ name, columns, key }: Table) =>
    `SELECT ${Object.keys(columns).join()} FROM ${name} ORDER BY ${key.join()}`
  const [state, ...tables] = await place.read(
    'SELECT cluster_id, recovery_epoch, version, term, time, state_hash FROM mirror_state',
    ...[BROKERS, TOPICS, PARTITIONS].map(select),
  )
  const [brokers, topics, partitions] = [BROKERS, TOPICS, PARTITIONS].map((table, i) =>
    sorted(
      table,
      tables[i]!.map(row => plain(table, row)),
    ),
  )
  return { state: { ...state![0] }, brokers: brokers!, topics: topics!, partitions: partitions! }
}

export async function historyOf(place: Place): Promise<Rows> {
  const [rows] = await place.read(
    `SELECT ${Object.keys(HISTORY.columns).join()} FROM history ORDER BY recovery_epoch, version`,
  )
  return rows!.map(row => plain(HISTORY, row))
}

function plain({ columns }: Table, row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const read = ([column, type]: [string, string]) => {
    const value = row[column]
    const isText = typeof value === 'string' && (type === 'json' || type === 'integers')
    return [column, isText ? JSON.parse(value) : value]
  }
  return Object.fromEntries(Object.entries(columns).map(read))
}

/** Databases sort by their own rules. */
function sorted({ key }: Table, rows: Rows): Rows {
  const keyOf = (row: Readonly<Record<string, unknown>>) =>
    key.map(column => String(row[column]).padStart(12)).join()
  return rows.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

/** What the tables should hold, from the image as the REST contract shows it. */
export function expected(image: Image): Contents {
  const { brokers, topics } = viewOf(image)
  const snake = (name: string) => name.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
  const renamed = (row: object, names: Record<string, string>) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [names[name] ?? snake(name), value]))
  const only = ({ columns }: Table, row: Record<string, unknown>) =>
    Object.fromEntries(Object.keys(columns).map(column => [column, row[column]]))
  const partitions = topics.flatMap(({ topicName, partitions }) =>
    partitions.map(partition => ({ ...renamed(partition, { id: 'partition_id' }), topic: topicName })),
  )
  const topicNames = { topicName: 'topic', numPartitions: 'partition_count' }
  return {
    brokers: sorted(
      BROKERS,
      brokers.map(row => only(BROKERS, { ...renamed(row, {}), ...drainOf(row) })),
    ),
    topics: sorted(
      TOPICS,
      topics.map(row => only(TOPICS, renamed(row, topicNames))),
    ),
    partitions: sorted(
      PARTITIONS,
      partitions.map(row => only(PARTITIONS, row)),
    ),
  }
}

/** Row by row: the first that differs is shown, not all of them. */
export function assertSame(actual: Contents, wanted: Contents, what = ''): void {
  for (const table of ['brokers', 'topics', 'partitions'] as const) {
    const rows = Math.max(actual[table].length, wanted[table].length)
    for (let i = 0; i < rows; i++)
      assert.deepEqual(actual[table][i], wanted[table][i], `${what} ${table}, row ${i}`)
  }
}

/** Row by row, and the row that says what they are. */
export async function assertMirrors(
  place: Place,
  { image }: Source,
  position: Partial<Position & MirrorIdentity> = {},
): Promise<void> {
  const { state, ...tables } = await contents(place)
  assertSame(tables, expected(image))
  const { clusterId = CLUSTER, recoveryEpoch = 0, term = 1 } = position
  assert.deepEqual(state, {
    cluster_id: clusterId,
    recovery_epoch: recoveryEpoch,
    version: image.version,
    term,
    time: image.time,
    state_hash: image.stateHash,
  })
}

function drainOf({ drain }: { drain: { mode: string; since: number } | null }) {
  return { drain_mode: drain?.mode ?? null, drain_since: drain?.since ?? null }
}
