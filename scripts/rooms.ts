import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'

const UNIT = join('test', 'unit')

/**
 * The files to hand to `node --test`: those of `test/unit` come as one file for each room, which imports them. A process for
 * each would spend more time on its start than most of them do on their tests. The made files are gone when this process ends.
 */
export function byRoom(files: readonly string[]): string[] {
  const rooms = Map.groupBy(files.filter(isOfRoom), roomOf)
  const folder = mkdtempSync(join(tmpdir(), 'dmq-rooms-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const made = Array.from(rooms, ([room, members]) => {
    const path = join(folder, `${room}.test.mjs`)
    writeFileSync(path, members.map(member => `import '${pathToFileURL(resolve(member))}'\n`).join(''))
    return path
  })
  return [...made, ...files.filter(file => !isOfRoom(file))]
}

function isOfRoom(file: string): boolean {
  return file.startsWith(UNIT + sep)
}

function roomOf(file: string): string {
  return file.split(sep)[2]!
}
