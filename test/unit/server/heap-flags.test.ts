import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { HEAP_FLAGS, missingHeapFlags } from '../../../src/server/heap-flags.ts'

const dmq = join(import.meta.dirname, '..', '..', '..', 'bin', 'dmq.mjs')

test('flags that the command line or NODE_OPTIONS names stay as they are said there', () => {
  assert.deepEqual(missingHeapFlags([]), HEAP_FLAGS)
  assert.deepEqual(missingHeapFlags(HEAP_FLAGS), [])
  const said = '--max-semi-space-size=1'
  assert.deepEqual(missingHeapFlags(['--expose-gc', said]), [])
  assert.deepEqual(missingHeapFlags(['--max_semi_space_size=1']), [])
  assert.deepEqual(missingHeapFlags([], `--no-warnings ${said}`), [])
})

/** Which process ran with which flags, one line whenever a Node begins. */
function starts(args: readonly string[]): { pid: number; flags: string[] }[] {
  const tell = 'console.log(JSON.stringify({pid:process.pid,flags:process.execArgv}))'
  const env = { ...process.env, NODE_OPTIONS: `--import=data:text/javascript,${tell}` }
  const { stdout } = spawnSync(process.execPath, args, { env, encoding: 'utf8' })
  return stdout
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as { pid: number; flags: string[] })
}

test('a node begins anew with the flags, in the same process; a command does not', {
  skip: process.platform === 'win32' ? 'a process cannot begin anew on Windows' : false,
}, () => {
  for (const kind of ['metadata', 'storage']) {
    const [first, second, ...more] = starts([dmq, kind, '--help'])
    assert.deepEqual([first!.flags, second!.flags, more], [[], HEAP_FLAGS, []])
    assert.equal(second!.pid, first!.pid)
  }
  assert.equal(starts([dmq, 'topic', '--help']).length, 1)
})

test('a node that is started with the flags does not begin anew', () => {
  assert.equal(starts([...HEAP_FLAGS, dmq, 'metadata', '--help']).length, 1)
})
