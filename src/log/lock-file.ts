import { join } from 'node:path'
import { FatalError, messageOf } from '../base/errors.ts'
import type { Disk } from '../io/disk.ts'
import { isRunning, nameOfProcess, type ProcessName } from '../io/running-process.ts'

/**
 * Keeps a second process out of a data directory. A lock left by a process that is gone is taken over: it is renamed
 * first, which succeeds for one taker only, and put back if it turns out to be somebody's new lock.
 *
 * A lock that has just been created may be empty for a moment, look like garbage and be taken over. So its creator looks
 * once more when it is complete: a taker that saw it empty has renamed it by then, and the creator gives way.
 */
export class LockFile {
  readonly #disk: Disk
  readonly #path: string

  static acquire(disk: Disk, folder: string): LockFile {
    disk.makeFolder(folder)
    const path = join(folder, 'lock')
    const self = Buffer.from(JSON.stringify(nameOfProcess(process.pid)))
    removeIfStale(disk, path)
    try {
      disk.createExclusively(path, self)
    } catch (error) {
      throw new FatalError(
        `${path}: cannot be created (${messageOf(error)}): is another process starting on this folder?`,
      )
    }
    if (!readIfThere(disk, path)?.equals(self)) throw startedTwice(path)
    return new LockFile(disk, path)
  }

  private constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.#path = path
  }

  release(): void {
    this.#disk.remove(this.#path)
  }
}

function removeIfStale(disk: Disk, path: string): void {
  const found = readIfThere(disk, path)
  if (found === null) return
  refuseIfLive(path, found)
  const aside = `${path}.stale-${process.pid}`
  // Gone: its holder released it, or another process takes it over and will be found by `createExclusively`.
  if (unlessGone(() => disk.rename(path, aside)) === null) return
  const renamed = disk.readFile(aside)
  if (renamed.equals(found)) return disk.remove(aside)
  disk.rename(aside, path)
  refuseIfLive(path, renamed)
  throw startedTwice(path)
}

function readIfThere(disk: Disk, path: string): Buffer | null {
  return unlessGone(() => disk.readFile(path))
}

/** What `action` returns; null if the file is not there. */
function unlessGone<T>(action: () => T): T | null {
  try {
    return action()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function startedTwice(path: string): FatalError {
  return new FatalError(`${path}: another process is starting on this folder. Start one of them.`)
}

function refuseIfLive(path: string, bytes: Buffer): void {
  const holder = parse(bytes)
  // A lock with our own pid is one of a process before us: this one does not open a folder twice.
  if (holder === null || holder.pid === process.pid || !isRunning(holder)) return
  throw new FatalError(
    `${path}: the folder is in use by process ${holder.pid}. Stop that process, or give this one its own data directory.`,
  )
}

function parse(bytes: Buffer): ProcessName | null {
  try {
    return JSON.parse(bytes.toString()) as ProcessName
  } catch {
    return null
  }
}
