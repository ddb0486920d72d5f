import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { FatalError } from '../../../src/base/errors.ts'
import type { Disk } from '../../../src/io/disk.ts'
import { nodeDisk } from '../../../src/io/node-disk.ts'
import { LockFile } from '../../../src/log/lock-file.ts'

type Child = ChildProcessByStdio<Writable, Readable, null>

const root = fs.mkdtempSync(join(tmpdir(), 'dmq-lock-'))
const children: Child[] = []
after(() => {
  for (const child of children) child.kill('SIGKILL')
  fs.rmSync(root, { recursive: true })
})
let folders = 0
const newFolder = (): string => join(root, `${++folders}`)
const lockIn = (folder: string): string => join(folder, 'lock')

/** Starts a real process on the folder. Resolves with what it says: `held`, or why not. */
async function start(folder: string): Promise<{ child: Child; says: string }> {
  const script = fileURLToPath(new URL('lock-holder.ts', import.meta.url))
  const child = spawn(process.execPath, [script, folder], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const [chunk] = await once(child.stdout, 'data')
  return { child, says: String(chunk).trim() }
}

async function end(child: Child, how: 'release' | 'kill'): Promise<void> {
  if (child.exitCode !== null) return
  const ended = once(child, 'exit')
  if (how === 'release') child.stdin.end()
  else child.kill('SIGKILL')
  await ended
}

function assertFree(folder: string): void {
  LockFile.acquire(nodeDisk, folder).release()
  assert.deepEqual(fs.readdirSync(folder), [], 'nothing is left behind')
}

test('a second process is refused while the first one lives, and told its pid', async () => {
  const folder = newFolder()
  const { child, says } = await start(folder)
  assert.equal(says, 'held')
  const refused = (error: Error): boolean => {
    assert.ok(error instanceof FatalError)
    assert.match(error.message, new RegExp(`${lockIn(folder)}: .* process ${child.pid}\\. Stop that process`))
    return true
  }
  assert.throws(() => LockFile.acquire(nodeDisk, folder), refused)
  assert.throws(() => LockFile.acquire(nodeDisk, folder), refused, 'the lock is still there')
  await end(child, 'release')
  assertFree(folder)
})

test('the lock of a process that was killed is taken over', async () => {
  const folder = newFolder()
  const { child } = await start(folder)
  await end(child, 'kill')
  assert.ok(fs.existsSync(lockIn(folder)))
  assertFree(folder)
})

test('the lock of a dead process whose pid was given to another one is taken over', async t => {
  if (process.platform !== 'linux') return t.skip('only Linux tells when a process started')
  const folder = newFolder()
  const { child } = await start(folder)
  const holder = JSON.parse(fs.readFileSync(lockIn(folder), 'utf8'))
  assert.equal(holder.pid, child.pid)
  for (const change of [{ startedAt: `${Number(holder.startedAt) - 1}` }, { bootId: 'an earlier boot' }]) {
    const other = newFolder()
    fs.mkdirSync(other)
    fs.writeFileSync(lockIn(other), JSON.stringify({ ...holder, ...change }))
    assertFree(other)
  }
  await end(child, 'kill')
})

test('a lock file of garbage is taken over', () => {
  for (const garbage of [
    '',
    'garbage',
    '{"pid":',
    'null',
    '{}',
    '[]',
    '7',
    '{"pid":0}',
    '{"pid":-1}',
    '{"pid":"x"}',
    '\0',
  ]) {
    const folder = newFolder()
    fs.mkdirSync(folder)
    fs.writeFileSync(lockIn(folder), garbage)
    assertFree(folder)
  }
})

test('of several processes that find a stale lock no two get it', async () => {
  const folder = newFolder()
  fs.mkdirSync(folder)
  fs.writeFileSync(lockIn(folder), JSON.stringify({ pid: 2 ** 22 + 1, bootId: 'x', startedAt: '1' }))
  const started = await Promise.all(Array.from({ length: 4 }, () => start(folder)))
  const held = started.filter(({ says }) => says === 'held')
  assert.ok(held.length <= 1, started.map(({ says }) => says).join('\n'))
  for (const { says } of started) assert.match(says, /^held$|^FatalError: .*lock: /)
  for (const { child } of held)
    assert.equal(JSON.parse(fs.readFileSync(lockIn(folder), 'utf8')).pid, child.pid)
  for (const { child } of started) await end(child, 'release')
  assertFree(folder)
})

/** A stale lock in a new folder, and a disk on which `meanwhile` happens just before the first call of `method`. */
function staleFolder(method: keyof Disk, meanwhile: (path: string) => void): { folder: string; disk: Disk } {
  const folder = newFolder()
  fs.mkdirSync(folder)
  fs.writeFileSync(lockIn(folder), 'stale')
  let waiting = true
  const interrupted = (...parameters: unknown[]): unknown => {
    if (waiting) meanwhile(lockIn(folder))
    waiting = false
    return (nodeDisk[method] as (...parameters: unknown[]) => unknown)(...parameters)
  }
  return { folder, disk: { ...nodeDisk, [method]: interrupted } }
}

test('a lock that goes away while it is looked at is no obstacle', () => {
  for (const method of ['readFile', 'rename'] as const) {
    const { folder, disk } = staleFolder(method, path => fs.unlinkSync(path))
    LockFile.acquire(disk, folder).release()
    assert.deepEqual(fs.readdirSync(folder), [])
  }
})

test('a new lock that appears while a stale one is taken over is left to its owner', async () => {
  const owned = newFolder()
  const { child } = await start(owned)
  const ofOther = fs.readFileSync(lockIn(owned))
  for (const method of ['rename', 'createExclusively'] as const) {
    const { folder, disk } = staleFolder(method, path => fs.writeFileSync(path, ofOther))
    assert.throws(() => LockFile.acquire(disk, folder), FatalError)
    assert.ok(fs.readFileSync(lockIn(folder)).equals(ofOther))
    assert.deepEqual(fs.readdirSync(folder), ['lock'])
  }
  const died = staleFolder('rename', path => fs.writeFileSync(path, 'of another that died since'))
  assert.throws(() => LockFile.acquire(died.disk, died.folder), /another process is starting/)
  await end(child, 'kill')
})

test('who is taken for stale between creating its lock and writing it gives way', () => {
  const folder = newFolder()
  const disk: Disk = {
    ...nodeDisk,
    createExclusively(path, bytes) {
      fs.writeFileSync(path, '', { flag: 'wx' })
      const descriptor = fs.openSync(path, 'r+')
      fs.renameSync(path, `${path}.stale-1`)
      fs.unlinkSync(`${path}.stale-1`)
      fs.writeFileSync(path, 'the lock of the taker')
      fs.writeSync(descriptor, bytes)
      fs.closeSync(descriptor)
    },
  }
  assert.throws(() => LockFile.acquire(disk, folder), /another process is starting on this folder/)
  assert.equal(fs.readFileSync(lockIn(folder), 'utf8'), 'the lock of the taker')
})
