import fs from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Disk, DiskFile } from './disk.ts'
import { diskSpace } from './disk-space.ts'

/** The real disk. */
export const nodeDisk: Disk = {
  makeFolder(path) {
    const deepest = resolve(path)
    const first = fs.mkdirSync(deepest, { recursive: true })
    if (first === undefined) return
    // Each new folder is a name in the one above it, up to the first one that was there before.
    for (let folder = deepest; folder.length >= first.length; folder = dirname(folder))
      syncFolder(dirname(folder))
  },
  list: path => fs.readdirSync(path).sort(),
  exists: path => fs.existsSync(path),
  readFile: path => fs.readFileSync(path),
  replaceFile(path, bytes) {
    const aside = `${path}.tmp`
    writeSynced(aside, 'w', bytes)
    fs.renameSync(aside, path)
    syncFolder(dirname(path))
  },
  createExclusively(path, bytes) {
    writeSynced(path, 'wx', bytes)
    syncFolder(dirname(path))
  },
  open: (path, mode) => new NodeDiskFile(path, mode),
  rename: (from, to) => fs.renameSync(from, to),
  remove: path => fs.unlinkSync(path),
  syncFolder,
  freeBytes: path => diskSpace(path).diskBytesFree,
}

function writeSynced(path: string, flags: 'w' | 'wx', bytes: Uint8Array): void {
  const descriptor = fs.openSync(path, flags)
  try {
    fs.writeFileSync(descriptor, bytes)
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

/** A rename or a new name is durable only when its folder is synced. Windows has no such call and needs none. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const descriptor = fs.openSync(path, 'r')
  try {
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

class NodeDiskFile implements DiskFile {
  readonly #descriptor: number
  /**
   * Linux writes and syncs in one call through a second descriptor with O_DSYNC: one hop to the thread pool instead of
   * two (0.17 ms against 0.20). Elsewhere O_DSYNC does not reach the device, and a write is followed by fdatasync.
   */
  readonly #durable: number | null

  constructor(path: string, mode: 'create' | 'existing') {
    const { O_RDWR, O_CREAT, O_TRUNC, O_DSYNC } = fs.constants
    this.#descriptor = fs.openSync(path, mode === 'create' ? O_RDWR | O_CREAT | O_TRUNC : O_RDWR, 0o644)
    this.#durable = process.platform === 'linux' ? fs.openSync(path, O_RDWR | O_DSYNC) : null
  }

  get size(): number {
    return fs.fstatSync(this.#descriptor).size
  }

  read(target: Buffer, position: number): number {
    let done = 0
    while (done < target.length) {
      const count = fs.readSync(this.#descriptor, target, done, target.length - done, position + done)
      if (count === 0) break
      done += count
    }
    return done
  }

  write(bytes: Buffer, position: number): Promise<void> {
    return writeFully(this.#descriptor, bytes, position)
  }

  async writeDurably(bytes: Buffer, position: number): Promise<void> {
    if (this.#durable !== null) return writeFully(this.#durable, bytes, position)
    await writeFully(this.#descriptor, bytes, position)
    return this.sync()
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#descriptor, error => (error === null ? resolve() : reject(error)))
    })
  }

  close(): void {
    fs.closeSync(this.#descriptor)
    if (this.#durable !== null) fs.closeSync(this.#durable)
  }
}

function writeFully(descriptor: number, bytes: Buffer, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (done: number): void => {
      fs.write(descriptor, bytes, done, bytes.length - done, position + done, (error, count) => {
        if (error !== null) reject(error)
        else if (done + count < bytes.length) next(done + count)
        else resolve()
      })
    }
    next(0)
  })
}
