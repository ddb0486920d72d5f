import { basename, dirname } from 'node:path'
import { type Deferred, deferred } from '../../../src/base/deferred.ts'
import type { Disk, DiskFile } from '../../../src/io/disk.ts'

/**
 * A disk in memory that can lose power.
 *
 * Files are what a process sees; beside each lies what is on the device. A write or a change of a name is *pending* until
 * a sync covers it. When the power fails, every pending sector and name is lost or kept on its own: that is what tearing
 * and reordering come to. A sector of 512 bytes is never half written.
 *
 * Two snapshots can be taken at any moment: `killed()` is the disk after the process died (everything it wrote is seen,
 * nothing more is durable), `outages()` are the disks that a power failure could leave.
 */
const SECTOR_BYTES = 512

/** Lost or kept, for each pending change; decided anew for every outage. */
export type Fate = (change: number, versions: number) => number

export type Operation = {
  readonly kind: string
  readonly path: string
  readonly position?: number
  readonly bytes?: number
}

/**
 * Throws, to fail an operation. What a failing sync was to write stays in memory and is never written; of a failing write
 * the first `written` bytes that the error names are there.
 */
export type Fault = (operation: Operation) => void

export class MemoryDisk implements Disk {
  readonly operations: Operation[] = []
  /** Called before an operation; may throw. */
  fault: Fault = () => {}
  /** Called whenever the disk has changed: at each of these moments the power may fail. */
  changed: () => void = () => {}
  #gate: Deferred<void> | null = null
  readonly #folders: Set<string>
  readonly #names: Map<string, Inode>
  readonly #durableNames: Map<string, Inode>
  #pendingNames: NameChange[]

  constructor(from?: Contents) {
    this.#folders = new Set(from?.folders)
    this.#names = from?.names ?? new Map()
    this.#durableNames = from?.durableNames ?? new Map()
    this.#pendingNames = from?.pendingNames ?? []
  }

  /** What {@link freeBytes} tells. */
  room = Number.POSITIVE_INFINITY

  freeBytes(): number {
    return this.room
  }

  // The contract.

  makeFolder(path: string): void {
    this.begin({ kind: 'makeFolder', path })
    for (let folder = path; !this.#folders.has(folder); folder = dirname(folder)) this.#folders.add(folder)
  }

  list(path: string): string[] {
    if (!this.#folders.has(path)) throw systemError('ENOENT', path)
    const inside = [...this.#names.keys(), ...this.#folders].filter(
      name => dirname(name) === path && name !== path,
    )
    return inside.map(name => basename(name)).sort()
  }

  exists(path: string): boolean {
    return this.#names.has(path) || this.#folders.has(path)
  }

  readFile(path: string): Buffer {
    return Buffer.from(this.#inode(path).seen)
  }

  replaceFile(path: string, bytes: Uint8Array): void {
    const aside = `${path}.tmp`
    this.#name({ kind: 'create', path: aside }, aside, new Inode())
    this.#writeWhole(aside, bytes)
    this.rename(aside, path)
    this.syncFolder(dirname(path))
  }

  createExclusively(path: string, bytes: Uint8Array): void {
    if (this.#names.has(path)) throw systemError('EEXIST', path)
    this.#name({ kind: 'create', path }, path, new Inode())
    this.#writeWhole(path, bytes)
    this.syncFolder(dirname(path))
  }

  open(path: string, mode: 'create' | 'existing'): DiskFile {
    if (mode === 'create') this.#name({ kind: 'create', path }, path, new Inode())
    return new MemoryFile(this, this.#inode(path))
  }

  rename(from: string, to: string): void {
    const inode = this.#inode(from)
    this.#name({ kind: 'rename', path: to }, to, inode, from)
  }

  remove(path: string): void {
    this.#name({ kind: 'remove', path }, null, this.#inode(path), path)
  }

  syncFolder(path: string): void {
    this.begin({ kind: 'syncFolder', path })
    const inside = (change: NameChange): boolean => dirname(change.to ?? change.from ?? '') === path
    for (const change of this.#pendingNames.filter(inside)) applyName(this.#durableNames, change)
    this.#pendingNames = this.#pendingNames.filter(change => !inside(change))
    this.changed()
  }

  // What tests do to it.

  /** Writes and syncs do not complete before `release` is called. */
  hold(): () => void {
    this.#gate ??= deferred()
    const gate = this.#gate
    return () => {
      if (this.#gate === gate) this.#gate = null
      gate.resolve()
    }
  }

  count(kind: string): number {
    return this.operations.filter(operation => operation.kind === kind).length
  }

  /** Changes bytes on the device and in memory, as a failing disk would. */
  damage(path: string, change: (bytes: Buffer) => void): void {
    const inode = this.#inode(path)
    change(inode.seen)
    inode.durable = Buffer.from(inode.seen)
  }

  /** Gives a file other bytes, of any length, durably. */
  put(path: string, bytes: Buffer): void {
    const inode = new Inode()
    inode.seen = Buffer.from(bytes)
    inode.durable = Buffer.from(bytes)
    this.#names.set(path, inode)
    this.#durableNames.set(path, inode)
  }

  /** The disk as the next process finds it when this one is killed. */
  killed(): MemoryDisk {
    const copies = new Map<Inode, Inode>()
    const copy = (inode: Inode): Inode => {
      if (!copies.has(inode)) copies.set(inode, inode.copy())
      return copies.get(inode)!
    }
    const copyNames = (names: Map<string, Inode>): Map<string, Inode> =>
      new Map([...names].map(([name, inode]) => [name, copy(inode)]))
    return new MemoryDisk({
      folders: new Set(this.#folders),
      names: copyNames(this.#names),
      durableNames: copyNames(this.#durableNames),
      pendingNames: this.#pendingNames.map(change => ({ ...change, inode: copy(change.inode) })),
    })
  }

  /** What is on the device under a name that is durable: what no power failure can take. Null if there is no such name. */
  durableFile(path: string): Buffer | null {
    return this.#durableNames.get(path)?.durable ?? null
  }

  /** The durable names in a folder, sorted. */
  durableList(folder: string): string[] {
    return [...this.#durableNames.keys()]
      .filter(path => dirname(path) === folder)
      .map(path => basename(path))
      .sort()
  }

  /** The number of states that each pending change can be found in after a power failure: 2 for lost or kept. */
  pending(): number[] {
    const sectors = this.#pendingInodes().flatMap(inode =>
      inode.pending().map(versions => versions.length + 1),
    )
    return [...this.#pendingNames.map(() => 2), ...sectors]
  }

  /** The disk after a power failure. Fate 0 = the change is lost, n = its version n is found. */
  outage(fate: Fate): MemoryDisk {
    let change = 0
    const next = (versions: number): number => fate(change++, versions)
    const durable = new Map(this.#durableNames)
    for (const pending of this.#pendingNames) if (next(2) !== 0) applyName(durable, pending)
    const survivors = new Map(this.#pendingInodes().map(inode => [inode, inode.survivor(next)]))
    const names = new Map(
      [...durable].map(([name, inode]) => [name, survivors.get(inode) ?? inode.unchanged()]),
    )
    return new MemoryDisk({
      folders: new Set(this.#folders),
      names,
      durableNames: new Map(names),
      pendingNames: [],
    })
  }

  // For files.

  begin(operation: Operation): void {
    this.operations.push(operation)
    this.fault(operation)
  }

  nameOf(inode: Inode): string {
    for (const [name, named] of this.#names) if (named === inode) return name
    return 'removed'
  }

  async passGate(): Promise<void> {
    await this.#gate?.promise
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path)
    if (inode === undefined) throw systemError('ENOENT', path)
    return inode
  }

  #name(operation: Operation, to: string | null, inode: Inode, from: string | null = null): void {
    this.begin(operation)
    const change = { from, to, inode }
    applyName(this.#names, change)
    this.#pendingNames.push(change)
    this.changed()
  }

  #writeWhole(path: string, bytes: Uint8Array): void {
    const inode = this.#inode(path)
    this.begin({ kind: 'write', path, position: 0, bytes: bytes.length })
    inode.write(Buffer.from(bytes), 0)
    this.changed()
    this.begin({ kind: 'sync', path })
    inode.sync(0, Number.POSITIVE_INFINITY)
    this.changed()
  }

  #pendingInodes(): Inode[] {
    const inodes = [...this.#durableNames.values(), ...this.#pendingNames.map(change => change.inode)]
    return [...new Set(inodes)].filter(inode => inode.isDirty)
  }
}

type Contents = {
  folders: Set<string>
  names: Map<string, Inode>
  durableNames: Map<string, Inode>
  pendingNames: NameChange[]
}

type NameChange = { from: string | null; to: string | null; inode: Inode }

function applyName(names: Map<string, Inode>, { from, to, inode }: NameChange): void {
  if (from !== null && names.get(from) === inode) names.delete(from)
  if (to !== null) names.set(to, inode)
}

/** A file without its name: what is seen, what is on the device, and which sectors differ. */
class Inode {
  seen: Buffer = Buffer.alloc(0)
  durable: Buffer = Buffer.alloc(0)
  /** What each sector was since it was last synced, oldest first. */
  readonly #dirty = new Map<number, Buffer[]>()

  get isDirty(): boolean {
    return this.#dirty.size > 0
  }

  write(bytes: Buffer, position: number): void {
    const end = position + bytes.length
    if (end > this.seen.length) this.seen = Buffer.concat([this.seen, Buffer.alloc(end - this.seen.length)])
    bytes.copy(this.seen, position)
    for (const sector of sectorsOf(position, end)) {
      const versions = this.#dirty.get(sector) ?? []
      this.#dirty.set(sector, [...versions, this.#sector(sector)])
    }
  }

  sync(position: number, end: number): void {
    const dirty = [...this.#dirty.keys()].sort((a, b) => b - a)
    // From the last to the first, so that the file grows once.
    for (const sector of dirty) {
      if (sector * SECTOR_BYTES >= end || (sector + 1) * SECTOR_BYTES <= position) continue
      this.durable = withSector(this.durable, sector, this.#sector(sector))
      this.#dirty.delete(sector)
    }
  }

  /** A sync that failed: the system holds the sectors for written. */
  forget(position: number, end: number): void {
    for (const sector of sectorsOf(position, Math.min(end, this.seen.length))) this.#dirty.delete(sector)
  }

  /** Versions that could replace what is durable, for each dirty sector for which that makes a difference. */
  pending(): Buffer[][] {
    return this.#changes().map(([, versions]) => versions)
  }

  survivor(next: (versions: number) => number): Inode {
    const survivor = new Inode()
    survivor.durable = Buffer.from(this.durable)
    for (const [sector, versions] of this.#changes()) {
      const version = next(versions.length + 1)
      if (version > 0) survivor.durable = withSector(survivor.durable, sector, versions[version - 1]!)
    }
    survivor.seen = Buffer.from(survivor.durable)
    return survivor
  }

  /** As the device has it. */
  unchanged(): Inode {
    const same = new Inode()
    same.durable = Buffer.from(this.durable)
    same.seen = Buffer.from(this.durable)
    return same
  }

  copy(): Inode {
    const copy = new Inode()
    copy.seen = Buffer.from(this.seen)
    copy.durable = Buffer.from(this.durable)
    for (const [sector, versions] of this.#dirty) copy.#dirty.set(sector, [...versions])
    return copy
  }

  #changes(): [number, Buffer[]][] {
    const changes = [...this.#dirty].map(([sector, versions]): [number, Buffer[]] => {
      const before = sectorOf(this.durable, sector)
      return [sector, versions.filter((version, i) => !version.equals(versions[i - 1] ?? before))]
    })
    return changes.filter(([, versions]) => versions.length > 0).sort(([a], [b]) => a - b)
  }

  #sector(sector: number): Buffer {
    return Buffer.from(sectorOf(this.seen, sector))
  }
}

function sectorOf(bytes: Buffer, sector: number): Buffer {
  return bytes.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES)
}

/** A sector that is kept makes the file as long as it needs to be; what was lost before it is a hole, full of zeros. */
function withSector(bytes: Buffer, sector: number, content: Buffer): Buffer {
  const start = sector * SECTOR_BYTES
  const longer = Math.max(bytes.length, start + content.length)
  const result = bytes.length === longer ? bytes : Buffer.concat([bytes, Buffer.alloc(longer - bytes.length)])
  content.copy(result, start)
  return result
}

function* sectorsOf(position: number, end: number): Generator<number> {
  for (let sector = Math.floor(position / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector++) yield sector
}

class MemoryFile implements DiskFile {
  readonly #disk: MemoryDisk
  readonly #inode: Inode
  #open = true

  constructor(disk: MemoryDisk, inode: Inode) {
    this.#disk = disk
    this.#inode = inode
  }

  get size(): number {
    return this.#inode.seen.length
  }

  read(target: Buffer, position: number): number {
    this.#checkOpen()
    return this.#inode.seen.copy(target, 0, position)
  }

  async write(bytes: Buffer, position: number): Promise<void> {
    this.#write(bytes, position)
    await this.#disk.passGate()
  }

  async writeDurably(bytes: Buffer, position: number): Promise<void> {
    this.#write(bytes, position)
    await this.#sync(position, position + bytes.length)
  }

  async sync(): Promise<void> {
    this.#checkOpen()
    await this.#sync(0, Number.POSITIVE_INFINITY)
  }

  close(): void {
    this.#checkOpen()
    this.#open = false
    this.#disk.begin({ kind: 'close', path: this.#path })
  }

  #write(bytes: Buffer, position: number): void {
    this.#checkOpen()
    try {
      this.#disk.begin({ kind: 'write', path: this.#path, position, bytes: bytes.length })
    } catch (error) {
      this.#inode.write(bytes.subarray(0, (error as { written?: number }).written ?? 0), position)
      throw error
    }
    this.#inode.write(bytes, position)
    this.#disk.changed()
  }

  async #sync(position: number, end: number): Promise<void> {
    await this.#disk.passGate()
    try {
      this.#disk.begin({ kind: 'sync', path: this.#path })
    } catch (error) {
      this.#inode.forget(position, end)
      throw error
    }
    this.#inode.sync(position, end)
    this.#disk.changed()
  }

  get #path(): string {
    return this.#disk.nameOf(this.#inode)
  }

  #checkOpen(): void {
    if (!this.#open) throw systemError('EBADF', this.#path)
  }
}

export function systemError(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${path}`), { code, path })
}

/** Fails the nth operation of a kind from now on, and only that one. */
export function failOnce(kind: string, nth = 1, code = 'EIO', written = 0): Fault {
  let left = nth
  return operation => {
    if (operation.kind !== kind) return
    left -= 1
    if (left === 0) throw Object.assign(systemError(code, operation.path), { written })
  }
}

/**
 * The disks that a power failure could leave: all of them if there are at most `max`; else all lost, all kept, each change
 * lost alone, each kept alone, each prefix kept, and chance for the rest.
 */
export function* outages(disk: MemoryDisk, max: number, random: () => number): Generator<MemoryDisk> {
  const versions = disk.pending()
  const total = versions.reduce((product, count) => product * count, 1)
  if (total <= max) {
    for (let number = 0; number < total; number++) yield disk.outage(digits(number, versions))
    return
  }
  const last = (change: number): number => versions[change]! - 1
  const shapes: Fate[] = [() => 0, last]
  for (let i = 0; i < versions.length; i++) {
    shapes.push(change => (change === i ? 0 : last(change)))
    shapes.push(change => (change === i ? last(change) : 0))
    shapes.push(change => (change < i ? last(change) : 0))
  }
  const chosen =
    shapes.length > max ? shapes.filter((_, i) => i < 2 || random() < max / shapes.length) : shapes
  while (chosen.length < max) chosen.push((_, count) => Math.floor(random() * count))
  for (const fate of chosen) yield disk.outage(fate)
}

/** The number in the mixed base of the changes, one digit for each of them. */
function digits(number: number, versions: readonly number[]): Fate {
  return change => {
    const below = versions.slice(0, change).reduce((product, count) => product * count, 1)
    return Math.floor(number / below) % versions[change]!
  }
}
