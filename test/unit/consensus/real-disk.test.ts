import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { after, mock, test } from 'node:test'
import { nodeDisk } from '../../../src/io/node-disk.ts'
import { assertRestored, closeNode, contentOf, openNode, sameContent } from './disk-history.ts'
import { Script, type Step } from './disk-script.ts'

/** Compaction and install on the real disk, with the calls that make them durable. */
const temporary = fs.mkdtempSync(join(tmpdir(), 'dmq-snapshots-'))
after(() => fs.rmSync(temporary, { recursive: true }))
const ofLinux = { skip: process.platform === 'linux' ? false : 'Linux only' }

/** What reaches the device, and what changes names, in order. Files that are open are followed under their new names. */
async function deviceCalls(root: string, action: () => unknown): Promise<string[]> {
  const { renameSync, fsyncSync, unlinkSync, fdatasync, write } = fs
  const calls: string[] = []
  const name = (path: string): string => relative(root, path).replaceAll(/\b0+(?=\d)/g, '')
  const pathOf = (descriptor: number): string => name(fs.readlinkSync(`/proc/self/fd/${descriptor}`))
  const isDurable = (descriptor: number): boolean => {
    const [, flags] = fs.readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8').match(/^flags:\s+(\d+)/m)!
    return (Number.parseInt(flags!, 8) & fs.constants.O_DSYNC) !== 0
  }
  const mocks = [
    mock.method(fs, 'fsyncSync', (descriptor: number) => {
      calls.push(`sync ${pathOf(descriptor)}`)
      fsyncSync(descriptor)
    }),
    mock.method(fs, 'renameSync', (from: string, to: string) => {
      calls.push(`rename to ${name(to)}`)
      renameSync(from, to)
    }),
    mock.method(fs, 'unlinkSync', (path: string) => {
      calls.push(`remove ${name(path)}`)
      unlinkSync(path)
    }),
    mock.method(fs, 'fdatasync', (descriptor: number, callback: fs.NoParamCallback) => {
      calls.push(`sync ${pathOf(descriptor)}`)
      fdatasync(descriptor, callback)
    }),
    mock.method(fs, 'write', (...args: Parameters<typeof fs.write>) => {
      calls.push(`write ${pathOf(args[0])}${isDurable(args[0]) ? ' durably' : ''}`)
      return write(...args)
    }),
  ]
  try {
    await action()
  } finally {
    for (const one of mocks) one.mock.restore()
  }
  return calls
}

/** Without the next segment, which is prepared in the background. */
const foreground = (calls: string[]): string[] => calls.filter(call => !call.includes('prepared'))

async function runSteps(root: string, steps: readonly Step[], calls: Map<string, string[]>): Promise<void> {
  const node = await openNode(nodeDisk, root)
  for (const { name, run } of steps) calls.set(name, foreground(await deviceCalls(root, () => run(node))))
  await closeNode(node)
}

async function assertThere(root: string, { model }: Script): Promise<void> {
  const node = await openNode(nodeDisk, root)
  assert.ok(sameContent(contentOf(node), model))
  assertRestored(node, model)
  await closeNode(node)
}

function filesIn(root: string, folder: string): string[] {
  return nodeDisk.list(join(root, folder)).map(path => basename(path).replaceAll(/\b0+(?=\d)/g, ''))
}

test(
  'a snapshot is on the device before anything is let go for it, and the oldest goes first',
  ofLinux,
  async () => {
    const root = join(temporary, 'taken')
    const script = new Script()
    script.append(2, 1500)
    for (let i = 0; i < 3; i++) {
      script.commit()
      script.take()
      script.append(4, 1500)
    }
    const calls = new Map<string, string[]>()
    await runSteps(root, script.steps, calls)
    const taking = calls.get('take 7')!.filter(call => call.includes('snapshots'))
    assert.deepEqual(taking, [
      'write snapshots/taking.tmp',
      'sync snapshots/taking.tmp',
      'rename to snapshots/7-1.taken',
      'sync snapshots',
    ])
    assert.deepEqual(calls.get('prune'), ['remove snapshots/3-1.taken', 'sync snapshots'])
    const [first, second, ...rest] = calls.get('drop before 8')!
    assert.match(first!, /^remove raft\/\d+-\d+\.log$/)
    assert.equal(second, 'sync raft')
    const removals = [first!, ...rest.filter(call => call.startsWith('remove'))]
    assert.deepEqual(removals, removals.toSorted(), 'oldest first')
    assert.equal(removals.length * 2, 2 + rest.length)
    assert.deepEqual(filesIn(root, 'snapshots'), ['7-1.taken', '11-1.taken'])
    assert.ok(!filesIn(root, 'raft').some(name => name.startsWith('1-')))
    await assertThere(root, script)
  },
)

test('an install is on the device before the log begins anew behind it', ofLinux, async () => {
  const root = join(temporary, 'received')
  const script = new Script()
  script.append(2, 1500)
  script.commit()
  script.take()
  script.install(9, 1, 100)
  script.append(1, 64)
  const calls = new Map<string, string[]>()
  await runSteps(root, script.steps, calls)
  const parts = [calls.get('receive part 1')!, calls.get('receive part 2')!].flat()
  assert.ok(
    parts.every(call => /^write snapshots\/9-2-\d+-\d+\.incoming$/.test(call)),
    `${parts}`,
  )
  const [synced, ...named] = calls.get('accept 9')!
  assert.match(synced!, /^sync snapshots\/9-2-\d+-\d+\.incoming$/)
  assert.deepEqual(named, ['rename to snapshots/9-2.received', 'sync snapshots'])
  const reset = calls.get('reset to 9, append 1')!
  assert.ok(
    reset.some(call => /^write raft\/\d+-\d+\.log durably$/.test(call)),
    `${reset}`,
  )
  assert.ok(reset.includes('remove snapshots/3-1.taken'))
  assert.deepEqual(filesIn(root, 'snapshots'), ['9-2.received'])
  await assertThere(root, script)
})

test('an install that was cut short behind the snapshot is finished at the start', async () => {
  const root = join(temporary, 'cut')
  const script = new Script()
  script.append(2, 1500)
  script.install(9)
  const reset = script.steps.findIndex(({ name }) => name.startsWith('reset'))
  await runSteps(root, script.steps.slice(0, reset), new Map())
  const accepted = { ...script, model: script.steps[reset - 1]!.after } as Script
  for (let i = 0; i < 2; i++) await assertThere(root, accepted)
  const node = await openNode(nodeDisk, root)
  assert.deepEqual([node.log.firstIndex, node.log.lastIndex], [10, 9])
  await closeNode(node)
})

test(
  'a start makes the names durable that the process before may have left to the system',
  ofLinux,
  async () => {
    const root = join(temporary, 'start')
    const script = new Script()
    script.append(1, 64)
    script.commit()
    script.take()
    await runSteps(root, script.steps, new Map())
    const calls = await deviceCalls(root, async () => closeNode(await openNode(nodeDisk, root)))
    assert.ok(calls.includes('sync snapshots') && calls.includes('sync raft'), `${calls}`)
  },
)

test('a transfer goes on after a restart where it broke off', async () => {
  const root = join(temporary, 'resumed')
  const script = new Script()
  script.append(2, 300)
  script.install(9)
  const half = script.steps.findIndex(({ name }) => name === 'receive part 2')
  await runSteps(root, script.steps.slice(0, half), new Map())
  const [incoming] = filesIn(root, 'snapshots')
  const size = fs.statSync(join(root, 'snapshots', nodeDisk.list(join(root, 'snapshots'))[0]!)).size
  assert.match(incoming!, /\.incoming$/)
  assert.ok(size > 0)
  await runSteps(root, script.steps.slice(half), new Map())
  await assertThere(root, script)
})
