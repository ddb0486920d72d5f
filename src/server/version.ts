import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The release, as package.json names it. The file lies two folders up from here, in sources and in the build. */
export const VERSION = (
  JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8')) as {
    version: string
  }
).version
