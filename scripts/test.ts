// npm test: every test. npm test -- FILE ...: only those. Cluster tests start real processes and often wait for them, so
// files run three at a time on the two cores that they are made for. The tests of one room share a process (`rooms.ts`).
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { byRoom } from './rooms.ts'
import { runAll } from './run.ts'

// Hundreds of processes run the same sources: each is compiled once.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '..', 'node_modules', '.cache', 'compiled')
const named = process.argv.slice(2)
const files = named.length > 0 ? named : byRoom(globSync('test/**/*.test.ts').sort())
runAll([
  ['node', '--test', '--test-concurrency=3', '--test-timeout=240000', ...files] as [string, ...string[]],
])
