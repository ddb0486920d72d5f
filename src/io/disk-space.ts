import { statfsSync } from 'node:fs'

/** Of the disk that a folder lies on, as a storage node reports it; bytes. `free` is what its user may still write. */
export function diskSpace(folder: string): { diskBytesTotal: number; diskBytesFree: number } {
  const { bsize, blocks, bavail } = statfsSync(folder)
  return { diskBytesTotal: blocks * bsize, diskBytesFree: bavail * bsize }
}
