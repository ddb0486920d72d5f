// npm test: every test. npm test -- FILE ...: only those. Cluster tests start real processes, so files run two at a time.
import { globSync } from 'node:fs'
import { runAll } from './run.ts'

const named = process.argv.slice(2)
const files = named.length > 0 ? named : globSync('test/**/*.test.ts').sort()
runAll([
  ['node', '--test', '--test-concurrency=2', '--test-timeout=240000', ...files] as [string, ...string[]],
])
