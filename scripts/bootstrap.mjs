// Runs a script of this project on Node 24 or later with its dependencies in place, from a bare clone.
//
//   node scripts/bootstrap.mjs FILE [ARG ...]
//
// Plain JavaScript that the oldest supported system Node can parse: everything else in the project is TypeScript
// that only Node 24 runs. Where the system's Node is older, Node 24 comes from the npm registry into `runtime/`
// (pinned with its integrity by `runtime/package-lock.json`); nothing is installed globally.

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MAJOR_MIN = 24
const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Runs `npm ci` in `folder` unless its lock file is the one that was installed there last. */
function install(folder, what) {
  const lock = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex')
  const modules = join(folder, 'node_modules')
  const stamp = join(modules, '.installed-lock')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink())
    fail(
      `${modules} is a symbolic link, and installing would empty the folder behind it. Remove the link, then run this again.`,
    )
  console.error(`Installing ${what} (once)...`)
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const shell = process.platform === 'win32'
  const result = spawnSync(npm, args, { cwd: folder, shell, stdio: ['ignore', 'ignore', 'inherit'] })
  if (result.status !== 0) fail(`npm ${args.join(' ')} failed in ${folder}. Is the npm registry reachable?`)
  writeFileSync(stamp, lock)
}

function fail(message) {
  console.error(`dmq: ${message}`)
  process.exit(1)
}

/** The path of a Node that is new enough: the one running now, or the pinned one from the registry. */
function node() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath
  const folder = join(root, 'runtime')
  install(folder, `Node ${NODE_MAJOR_MIN} for this project, since this is Node ${process.versions.node}`)
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  const path = join(folder, 'node_modules', `node-${platform}-${process.arch}`, 'bin', name)
  if (existsSync(path)) return path
  return fail(
    `needs Node ${NODE_MAJOR_MIN} or later; this is Node ${process.versions.node}, and the npm registry has no ` +
      `Node for ${process.platform}-${process.arch}. Install Node ${NODE_MAJOR_MIN} (https://nodejs.org) and run this again.`,
  )
}

const [script, ...args] = process.argv.slice(2)
if (script === undefined) fail('usage: node scripts/bootstrap.mjs FILE [ARG ...]')
const runtime = node()
install(root, 'dependencies')

const child = spawn(runtime, [join(root, script), ...args], {
  stdio: 'inherit',
  env: { ...process.env, PATH: `${dirname(runtime)}${delimiter}${process.env.PATH}` },
})
// Ctrl-C reaches the whole process group by itself; a signal sent to this process alone is passed on.
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
process.on('SIGINT', () => {})
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
