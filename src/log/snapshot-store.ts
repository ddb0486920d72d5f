import { basename, join } from 'node:path'
import type { Disk, DiskFile } from '../io/disk.ts'
import { DamagedLog } from './log.ts'
import { readHead, readPieces, writeSnapshot } from './snapshot-file.ts'

/** Names one snapshot file: where in the log it stands, and which file it is. */
export type SnapshotName = {
  readonly index: number
  readonly term: number
  readonly bytes: number
  readonly checksum: number
}

/** `origin`: made from this node's own state, or sent by another node. */
export type StoredSnapshot = {
  readonly name: SnapshotName
  readonly head: Buffer
  readonly origin: Origin
}
type Origin = 'taken' | 'received'

type Incoming = { readonly name: SnapshotName; readonly path: string; readonly file: DiskFile; have: number }

/**
 * The snapshots of one node, beside its log.
 *
 * | file | what it is |
 * |---|---|
 * | `<index>-<term>.taken` | whole and durable: it gets this name when its last byte is synced |
 * | `<index>-<term>.received` | the same, but made by another node |
 * | `taking.tmp` | one that is being written; left by a crash, it is thrown away |
 * | `<index>-<term>-<bytes>-<checksum>.incoming` | one that another node sends; it goes on where it broke off |
 */
export class SnapshotStore {
  readonly #disk: Disk
  readonly #folder: string
  readonly #list: StoredSnapshot[] = []
  readonly #open = new Map<string, DiskFile>()
  #incoming: Incoming | null = null
  /** Snapshots that were found damaged, and why. */
  readonly damaged: readonly string[]

  constructor(disk: Disk, folder: string) {
    this.#disk = disk
    this.#folder = folder
    disk.makeFolder(folder)
    const damaged: string[] = []
    for (const file of disk.list(folder)) {
      if (file.endsWith('.tmp')) disk.remove(join(folder, file))
      if (!/^\d{16}-\d{16}\.(taken|received)$/.test(file)) continue
      try {
        this.#list.push(this.#describe(join(folder, file)))
      } catch (error) {
        if (!(error instanceof DamagedLog)) throw error
        damaged.push(error.message)
      }
    }
    this.damaged = damaged
    // If the process before this one was killed behind a rename, the name may be in the memory of the system only.
    disk.syncFolder(folder)
  }

  /** Oldest first. */
  get list(): readonly StoredSnapshot[] {
    return this.#list
  }

  #describe(path: string): StoredSnapshot {
    const file = this.#disk.open(path, 'existing')
    try {
      const { head, checksum } = readHead(file, path)
      const [index, term, origin] = basename(path).split(/[-.]/)
      const name = { index: Number(index), term: Number(term), bytes: file.size, checksum }
      return { name, head, origin: origin as Origin }
    } finally {
      file.close()
    }
  }

  /** Writes a snapshot of this node's own state. Durable when it resolves; see {@link writeSnapshot}. */
  async write(
    at: { index: number; term: number },
    head: Uint8Array,
    pieces: Iterable<Uint8Array>,
    pause: () => Promise<void>,
  ): Promise<StoredSnapshot> {
    const aside = join(this.#folder, 'taking.tmp')
    const file = this.#disk.open(aside, 'create')
    try {
      const written = await writeSnapshot(file, head, pieces, pause)
      await file.sync()
      return this.#keep(aside, { ...at, ...written }, Buffer.from(head), 'taken')
    } finally {
      file.close()
      // One that could not be finished gives its space back: the log may need it.
      if (this.#disk.exists(aside)) this.#disk.remove(aside)
    }
  }

  #keep(from: string, name: SnapshotName, head: Buffer, origin: Origin): StoredSnapshot {
    const stored = { name, head, origin }
    const path = this.#path(stored)
    this.#disk.rename(from, path)
    this.#disk.syncFolder(this.#folder)
    this.#replaced(path)
    const before = this.#list.findLastIndex(other => other.name.index < name.index)
    this.#list.splice(before + 1, 0, stored)
    return stored
  }

  /** Where a damaged one was, or the same one, received twice: that file is gone. */
  #replaced(path: string): void {
    this.#closeOpen(path)
    const twin = this.#list.findIndex(other => this.#path(other) === path)
    if (twin >= 0) this.#list.splice(twin, 1)
  }

  #closeOpen(path: string): void {
    this.#open.get(path)?.close()
    this.#open.delete(path)
  }

  /** Part of the file itself; null if there is no such snapshot any more. */
  read(name: SnapshotName, offset: number, bytesMax: number): Buffer | null {
    const stored = this.#find(name)
    if (stored === undefined || offset > name.bytes) return null
    const buffer = Buffer.allocUnsafe(Math.min(bytesMax, name.bytes - offset))
    const path = this.#path(stored)
    const count = this.#opened(path).read(buffer, offset)
    if (count === buffer.length) return buffer
    throw new DamagedLog(`${path}: the snapshot has lost its end`)
  }

  #find(name: SnapshotName): StoredSnapshot | undefined {
    return this.#list.find(other => same(other.name, name))
  }

  #opened(path: string): DiskFile {
    const file = this.#open.get(path) ?? this.#disk.open(path, 'existing')
    this.#open.set(path, file)
    return file
  }

  /** The pieces of a snapshot. */
  *pieces(stored: StoredSnapshot): Generator<Buffer> {
    const path = this.#path(stored)
    const file = this.#disk.open(path, 'existing')
    try {
      yield* readPieces(file, path)
    } finally {
      file.close()
    }
  }

  /** Keeps a part of another node's snapshot. Returns how much is there without a gap: where the next part must begin. */
  async receive(name: SnapshotName, offset: number, data: Uint8Array): Promise<number> {
    const incoming = this.#receiving(name)
    if (offset !== incoming.have || offset + data.length > name.bytes) return incoming.have
    await incoming.file.write(Buffer.from(data), offset)
    incoming.have += data.length
    return incoming.have
  }

  #receiving(name: SnapshotName): Incoming {
    const known = this.#incoming
    if (known !== null && same(known.name, name)) return known
    this.#closeIncoming()
    const file = `${pad(name.index)}-${pad(name.term)}-${name.bytes}-${name.checksum}.incoming`
    const path = join(this.#folder, file)
    for (const other of this.#disk.list(this.#folder))
      if (other.endsWith('.incoming') && other !== file) this.#disk.remove(join(this.#folder, other))
    const opened = this.#disk.open(path, this.#disk.exists(path) ? 'existing' : 'create')
    this.#incoming = { name, path, file: opened, have: Math.min(opened.size, name.bytes) }
    return this.#incoming
  }

  /** The pieces of the snapshot that has been received whole. */
  *received(name: SnapshotName): Generator<Buffer> {
    const { path, file } = this.#receiving(name)
    yield* readPieces(file, path)
  }

  /** What came is not what was sent: it is fetched anew. */
  discard(name: SnapshotName): void {
    const { path } = this.#receiving(name)
    this.#closeIncoming()
    this.#disk.remove(path)
  }

  /** Makes a received snapshot, whose pieces have been checked, one of this node's own. */
  async accept(name: SnapshotName): Promise<StoredSnapshot> {
    const { path, file } = this.#receiving(name)
    const { head } = readHead(file, path)
    await file.sync().catch(error => {
      // The system may hold for written what it could not write: another sync would succeed and do nothing.
      this.discard(name)
      throw error
    })
    this.#closeIncoming()
    return this.#keep(path, name, head, 'received')
  }

  #closeIncoming(): void {
    this.#incoming?.file.close()
    this.#incoming = null
  }

  /** Removes all but those. */
  keepOnly(wanted: (name: SnapshotName) => boolean): void {
    const gone = this.#list.filter(({ name }) => !wanted(name))
    for (const stored of gone) {
      const path = this.#path(stored)
      this.#closeOpen(path)
      this.#list.splice(this.#list.indexOf(stored), 1)
      this.#disk.remove(path)
    }
    if (gone.length > 0) this.#disk.syncFolder(this.#folder)
  }

  close(): void {
    this.#closeIncoming()
    for (const file of this.#open.values()) file.close()
    this.#open.clear()
  }

  #path({ name, origin }: Pick<StoredSnapshot, 'name' | 'origin'>): string {
    return join(this.#folder, `${pad(name.index)}-${pad(name.term)}.${origin}`)
  }
}

function pad(value: number): string {
  return String(value).padStart(16, '0')
}

function same(a: SnapshotName, b: SnapshotName): boolean {
  return a.index === b.index && a.term === b.term && a.bytes === b.bytes && a.checksum === b.checksum
}
