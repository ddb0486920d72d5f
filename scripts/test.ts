// npm test: every test. npm test -- FILE ...: only those. Cluster tests start real processes and often wait for them, so
// files run three at a time on the two cores that they are made for.
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { runAll } from './run.ts'

// Hundreds of processes run the same sources: each is compiled once.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '..', 'node_modules', '.cache', 'compiled')
const named = process.argv.slice(2)
const files = named.length > 0 ? named : globSync('test/**/*.test.ts').sort()
runAll([
  ['node', '--test', '--test-concurrency=3', '--test-timeout=240000', ...files] as [string, ...string[]],
])
