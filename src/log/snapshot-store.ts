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

type DamagedFile = { readonly path: string; readonly index: number; readonly reason: string }

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
  #damaged: DamagedFile[] = []
  /** The newest snapshot that this process has made or received. */
  #newestKept = 0

  constructor(disk: Disk, folder: string) {
    this.#disk = disk
    this.#folder = folder
    disk.makeFolder(folder)
    for (const file of disk.list(folder)) {
      if (file.endsWith('.tmp')) disk.remove(join(folder, file))
      if (!/^\d{16}-\d{16}\.(taken|received)$/.test(file)) continue
      try {
        this.#list.push(this.#describe(join(folder, file)))
      } catch (error) {
        if (!(error instanceof DamagedLog)) throw error
        this.#damaged.push({ path: join(folder, file), index: indexOf(file), reason: error.message })
      }
    }
    // If the process before this one was killed behind a rename, the name may be in the memory of the system only.
    disk.syncFolder(folder)
  }

  /** Oldest first. */
  get list(): readonly StoredSnapshot[] {
    return this.#list
  }

  /** Why each of the snapshots that were found damaged is none. */
  get damaged(): readonly string[] {
    return this.#damaged.map(({ reason }) => reason)
  }

  #describe(path: string): StoredSnapshot {
    const file = this.#disk.open(path, 'existing')
    try {
      const { head, checksum } = readHead(file, path)
      const [, term, origin] = basename(path).split(/[-.]/)
      const name = { index: indexOf(basename(path)), term: Number(term), bytes: file.size, checksum }
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
    this.#newestKept = Math.max(this.#newestKept, name.index)
    const before = this.#list.findLastIndex(other => other.name.index < name.index)
    this.#list.splice(before + 1, 0, stored)
    return stored
  }

  /** Where a damaged one was, or the same one, received twice: that file is gone. */
  #replaced(path: string): void {
    this.#closeOpen(path)
    const twin = this.#list.findIndex(other => this.#path(other) === path)
    if (twin >= 0) this.#list.splice(twin, 1)
    this.#damaged = this.#damaged.filter(other => other.path !== path)
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

  /** The head of a snapshot that has been received whole. Throws {@link DamagedLog}, also when it is another file. */
  receivedHead(name: SnapshotName): Buffer {
    const { path, file } = this.#receiving(name)
    const { head, checksum } = readHead(file, path)
    if (checksum === name.checksum) return head
    throw new DamagedLog(`${path}: the snapshot is damaged: its checksum is not the one in its name`)
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

  /** Makes a received snapshot, whose head and pieces have been checked, one of this node's own. */
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

  /** One of the list turned out to be damaged: it is none any more. */
  spoil(name: SnapshotName, reason: string): void {
    const stored = this.#find(name)
    if (stored === undefined) return
    const path = this.#forget(stored)
    this.#damaged.push({ path, index: name.index, reason })
  }

  /** Removes all but those, and what is damaged once there is a newer one from this process: nobody will want it back. */
  keepOnly(wanted: (name: SnapshotName) => boolean): void {
    const useless = this.#damaged.filter(({ index }) => index <= this.#newestKept)
    this.#damaged = this.#damaged.filter(file => !useless.includes(file))
    const unwanted = this.#list.filter(({ name }) => !wanted(name)).map(stored => this.#forget(stored))
    const gone = [...useless.map(({ path }) => path), ...unwanted]
    for (const path of gone) this.#disk.remove(path)
    if (gone.length > 0) this.#disk.syncFolder(this.#folder)
  }

  /** Returns where its file is. */
  #forget(stored: StoredSnapshot): string {
    const path = this.#path(stored)
    this.#closeOpen(path)
    this.#list.splice(this.#list.indexOf(stored), 1)
    return path
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

/** Of a file name. */
function indexOf(file: string): number {
  return Number(file.split('-')[0])
}

function pad(value: number): string {
  return String(value).padStart(16, '0')
}

function same(a: SnapshotName, b: SnapshotName): boolean {
  return a.index === b.index && a.term === b.term && a.bytes === b.bytes && a.checksum === b.checksum
}
