import type { Disk } from '../../src/io/disk.ts'
import { type Fate, MemoryDisk, type Operation, systemError } from '../../test/unit/log/memory-disk.ts'
import type { Chance } from '../chance.ts'
import { DurableLog, type DurableLogObserver } from '../invariants/durable-log.ts'
import type { ProcessLife } from './process-life.ts'
import type { Timeline } from './timeline.ts'
import { VirtualDisk } from './virtual-disk.ts'

const SECTOR_BYTES = 512
/** About as many bytes at the end of what is used are the last write. */
const LAST_FRAME_BYTES = 200

/** A fault that hits the next operation of its kind, once. */
export type DriveFault =
  | { readonly kind: 'sync' | 'write'; readonly code: 'EIO' | 'ENOSPC' }
  | { readonly kind: 'read'; readonly when?: () => boolean }

export type DriveObserver = DurableLogObserver & {
  /** An operation failed, or a read came back changed, because the simulator wanted it so. */
  struck(drive: Drive, fault: DriveFault, path: string): void
}

/** How long a write or a sync takes, as a rule. */
export type DriveSpeed = { readonly leastMs: number; readonly meanMs: number }

/**
 * One data directory on one device. It outlives the processes that use it, and can be taken out and put back. Writes and
 * syncs take time; what was not synced when the power fails is lost, kept, torn or reordered, sector by sector.
 */
export class Drive {
  readonly uuid: string
  readonly folder: string
  readonly snapshotFolder = '/data/snapshots'
  readonly log: DurableLog
  readonly #timeline: Timeline
  readonly #chance: Chance
  readonly #speed: DriveSpeed
  readonly #observer: DriveObserver
  #device = new MemoryDisk()
  #life: ProcessLife | null = null
  #faults: DriveFault[] = []
  #busy = 0
  #onBusy: (() => void) | null = null
  /** How often something was read from it. */
  reads = 0
  /** Mean of what every write and sync takes longer, until further notice. */
  slowMs = 0
  /** Nothing new fits on it: files that exist can be written, others cannot. */
  full = false
  /** Bits on it have changed for good: what it holds is no longer what was written. */
  rotten = false

  constructor(
    uuid: string,
    folder: string,
    parts: { timeline: Timeline; chance: Chance; speed: DriveSpeed; observer: DriveObserver },
  ) {
    this.uuid = uuid
    this.folder = folder
    this.#timeline = parts.timeline
    this.#chance = parts.chance
    this.#speed = parts.speed
    this.#observer = parts.observer
    this.log = new DurableLog(this, parts.observer)
  }

  /** How many segments came behind the first one. */
  get rolls(): number {
    return Math.max(0, this.log.segments - 1)
  }

  /** A write or a sync is under way. */
  get isBusy(): boolean {
    return this.#busy > 0
  }

  get device(): MemoryDisk {
    return this.#device
  }

  /** The disk as the process with this life sees it. There is one such process at a time. */
  attach(life: ProcessLife): Disk {
    this.#life = life
    this.#busy = 0
    this.#wire()
    return new VirtualDisk(this.#device, path => this.#takeReadFault(path))
  }

  #wire(): void {
    const device = this.#device
    device.fault = operation => this.#begin(operation)
    device.changed = () => this.log.stale()
    device.passGate = () => this.#take()
  }

  /** The device is busy with a write or a sync. */
  #take(): Promise<void> {
    const life = this.#life!
    const slow = this.slowMs === 0 ? 0 : this.#chance.exponential(this.slowMs)
    const ms = this.#speed.leastMs + this.#chance.exponential(this.#speed.meanMs) + slow
    this.#busy += 1
    const onBusy = this.#onBusy
    this.#onBusy = null
    if (onBusy !== null) this.#timeline.after(ms * this.#chance.fraction(), onBusy)
    return new Promise(resolve => {
      const done = (): void => {
        if (life === this.#life) this.#busy -= 1
        resolve()
      }
      this.#timeline.after(ms, () => life.enter('disk', done))
    })
  }

  /** Calls back once, in the middle of the next write or sync. */
  inNextWrite(run: () => void): void {
    this.#onBusy = run
  }

  // Faults.

  strike(fault: DriveFault): void {
    this.#faults.push(fault)
  }

  mend(): void {
    this.#faults = []
    this.slowMs = 0
    this.full = false
  }

  #begin({ kind, path, position, bytes }: Operation): void {
    this.#device.operations.length = 0
    if (kind !== 'write' && kind !== 'sync') return
    const fault = this.#takeFault(kind) ?? this.#lackOfSpace(kind, path)
    if (fault === null) return
    this.#observer.struck(this, fault, path)
    const written = wholeSectors(position ?? 0, this.#chance.between(0, bytes ?? 0))
    throw Object.assign(systemError(fault.code, path), { written })
  }

  #lackOfSpace(kind: string, path: string) {
    if (!this.full || kind !== 'write' || !path.endsWith('.tmp')) return null
    return { kind: 'write', code: 'ENOSPC' } as const
  }

  #takeFault(kind: 'write' | 'sync') {
    const position = this.#faults.findIndex(fault => fault.kind === kind)
    if (position < 0) return null
    const fault = this.#faults.splice(position, 1)[0]!
    return fault.kind === 'read' ? null : fault
  }

  /** Changes one bit of what is being read, if that was wanted. */
  #takeReadFault(path: string): ((bytes: Buffer) => void) | null {
    this.reads += 1
    const strikes = (fault: DriveFault): boolean => fault.kind === 'read' && (fault.when?.() ?? true)
    const position = this.#faults.findIndex(strikes)
    if (position < 0) return null
    this.#observer.struck(this, this.#faults.splice(position, 1)[0]!, path)
    return bytes => flipBit(bytes, this.#chance)
  }

  /** Flips a bit in a segment for good. False if there is nothing to flip. */
  rot(): boolean {
    const files = this.#device.durableList(this.folder).filter(name => name.endsWith('.log'))
    if (files.length === 0) return false
    this.log.refresh()
    this.rotten = true
    const atTheEnd = this.#chance.happens(0.5)
    const name = atTheEnd ? files.at(-1)! : this.#chance.pick(files)
    this.#device.damage(`${this.folder}/${name}`, bytes => flipBit(bytes, this.#chance, atTheEnd))
    return true
  }

  /** Returns how many pending changes there were, and so could be lost. */
  losePower(): number {
    this.log.refresh()
    const pending = this.#device.pending().length
    this.#device = this.#device.outage(this.#fate())
    this.#wire()
    this.log.stale()
    return pending
  }

  /** All lost, all kept, a prefix kept, or each as chance will. */
  #fate(): Fate {
    const chance = this.#chance
    const last = chance.between(0, 6)
    const newest = (_: number, versions: number): number => versions - 1
    return chance.pick<Fate>([
      () => 0,
      newest,
      (change, versions) => (change < last ? versions - 1 : 0),
      (change, versions) => (change === last ? 0 : versions - 1),
      (_, versions) => chance.between(0, versions - 1),
      (_, versions) => chance.between(0, versions - 1),
    ])
  }
}

/** Of a write that fails half-way, whole sectors are there: the system writes in pages. */
function wholeSectors(position: number, bytes: number): number {
  return Math.max(0, bytes - ((position + bytes) % SECTOR_BYTES))
}

/** Half of the time near the start, where there is something; the rest of a segment is often zeros. */
function flipBit(bytes: Buffer, chance: Chance, atTheEnd = false): void {
  if (bytes.length === 0) return
  const used = bytes.findLastIndex(byte => byte !== 0)
  const end = atTheEnd || chance.happens(0.8) ? Math.max(0, used) : bytes.length - 1
  bytes[chance.between(atTheEnd ? Math.max(0, end - LAST_FRAME_BYTES) : 0, end)]! ^= 1 << chance.between(0, 7)
}
