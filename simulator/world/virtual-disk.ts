import type { Disk, DiskFile } from '../../src/io/disk.ts'
import type { MemoryDisk } from '../../test/unit/log/memory-disk.ts'

/** Changes what was read, or null to leave it. */
type ReadFault = (path: string) => ((bytes: Buffer) => void) | null

/** The disk as one process sees it: that of the machine, but what is read may come back with a wrong bit. */
export class VirtualDisk implements Disk {
  readonly #device: MemoryDisk
  readonly #readFault: ReadFault

  constructor(device: MemoryDisk, readFault: ReadFault) {
    this.#device = device
    this.#readFault = readFault
  }

  makeFolder(path: string): void {
    this.#device.makeFolder(path)
  }

  list(path: string): string[] {
    return this.#device.list(path)
  }

  exists(path: string): boolean {
    return this.#device.exists(path)
  }

  readFile(path: string): Buffer {
    const bytes = this.#device.readFile(path)
    this.#readFault(path)?.(bytes)
    return bytes
  }

  replaceFile(path: string, bytes: Uint8Array): void {
    this.#device.replaceFile(path, bytes)
  }

  createExclusively(path: string, bytes: Uint8Array): void {
    this.#device.createExclusively(path, bytes)
  }

  open(path: string, mode: 'create' | 'existing'): DiskFile {
    return new VirtualFile(this.#device.open(path, mode), () => this.#readFault(path))
  }

  rename(from: string, to: string): void {
    this.#device.rename(from, to)
  }

  remove(path: string): void {
    this.#device.remove(path)
  }

  syncFolder(path: string): void {
    this.#device.syncFolder(path)
  }

  freeBytes(): number {
    return this.#device.freeBytes()
  }
}

class VirtualFile implements DiskFile {
  readonly #file: DiskFile
  readonly #readFault: () => ((bytes: Buffer) => void) | null

  constructor(file: DiskFile, readFault: () => ((bytes: Buffer) => void) | null) {
    this.#file = file
    this.#readFault = readFault
  }

  get size(): number {
    return this.#file.size
  }

  read(target: Buffer, position: number): number {
    const count = this.#file.read(target, position)
    this.#readFault()?.(target.subarray(0, count))
    return count
  }

  write(bytes: Buffer, position: number): Promise<void> {
    return this.#file.write(bytes, position)
  }

  writeDurably(bytes: Buffer, position: number): Promise<void> {
    return this.#file.writeDurably(bytes, position)
  }

  sync(): Promise<void> {
    return this.#file.sync()
  }

  close(): void {
    this.#file.close()
  }
}
