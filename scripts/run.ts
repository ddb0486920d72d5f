import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'

const root = dirname(import.meta.dirname)

/** Runs a program of `node_modules/.bin`, or a Node script, in the project's folder. Returns its exit status. */
export function run(program: string, args: readonly string[]): number {
  const path = program === 'node' ? process.execPath : join(root, 'node_modules', '.bin', program)
  const result = spawnSync(path, args, { cwd: root, stdio: 'inherit' })
  if (result.error !== undefined) throw result.error
  return result.status ?? 1
}

/** Runs one after the other and exits with the first failure. */
export function runAll(steps: readonly (readonly [string, ...string[]])[]): never {
  for (const [program, ...args] of steps) {
    const status = run(program, args)
    if (status !== 0) process.exit(status)
  }
  process.exit(0)
}
