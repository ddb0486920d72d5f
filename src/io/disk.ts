/**
 * The disk, as little of it as we need. One contract, so that the simulator can bring a disk that loses power.
 * Every method throws the operating system's error; callers treat a failed write or sync as the end of the process.
 */
export interface Disk {
  /** Creates the folder and its parents, durably. */
  makeFolder(path: string): void
  /** Names in a folder, sorted. */
  list(path: string): string[]
  exists(path: string): boolean
  readFile(path: string): Buffer
  /** Atomic and durable when it returns: written aside, synced, renamed, the folder synced. */
  replaceFile(path: string, bytes: Uint8Array): void
  /**
   * Fails with EEXIST if the file exists: at most one of two callers succeeds. Durable when it returns; before that,
   * others may see the file without its bytes.
   */
  createExclusively(path: string, bytes: Uint8Array): void
  /** Opens for reading and writing. `create` makes an empty file, whatever was there. */
  open(path: string, mode: 'create' | 'existing'): DiskFile
  /** Atomic; durable only after {@link syncFolder}. */
  rename(from: string, to: string): void
  remove(path: string): void
  syncFolder(path: string): void
  /** Room on the device that the path is on, for this process, in bytes. */
  freeBytes(path: string): number
}

export interface DiskFile {
  readonly size: number
  /** Bytes read; fewer than asked only at the end of the file. */
  read(target: Buffer, position: number): number
  /** Not durable before the next {@link sync}. */
  write(bytes: Buffer, position: number): Promise<void>
  /** These bytes, and maybe no others, are on the device when the promise resolves. They must not change before that. */
  writeDurably(bytes: Buffer, position: number): Promise<void>
  sync(): Promise<void>
  close(): void
}
