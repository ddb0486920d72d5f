import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, mock, test } from 'node:test'
import { seeded } from '../../../simulator/chance.ts'
import type { Disk } from '../../../src/io/disk.ts'
import { nodeDisk } from '../../../src/io/node-disk.ts'
import { SegmentedLog } from '../../../src/log/segmented-log.ts'
import { failOnce, MemoryDisk, outages } from './memory-disk.ts'
import { batch, contentOf, openLog, record, sameModel } from './model.ts'

/** What the log relies on, of the real disk and of the one in memory that stands in for it. */
const root = fs.mkdtempSync(join(tmpdir(), 'dmq-disk-'))
after(() => fs.rmSync(root, { recursive: true }))

const memoryDisk = new MemoryDisk()
memoryDisk.makeFolder(root)
const DISKS: Record<string, Disk> = { 'node disk': nodeDisk, 'memory disk': memoryDisk }

for (const [name, disk] of Object.entries(DISKS)) {
  const folder = join(root, name)
  const path = (file: string): string => join(folder, file)

  test(`${name}: folders are made with their parents, and made again without harm`, () => {
    disk.makeFolder(path('a/b/c'))
    disk.makeFolder(path('a/b/c'))
    disk.makeFolder(path('a/b'))
    assert.deepEqual(disk.list(path('a')), ['b'])
    assert.deepEqual(disk.list(path('a/b/c')), [])
    assert.ok(disk.exists(path('a/b')))
  })

  test(`${name}: names are listed in order`, () => {
    disk.makeFolder(path('list'))
    for (const file of ['b', 'a', '10', '9']) disk.replaceFile(path(`list/${file}`), Buffer.from(file))
    assert.deepEqual(disk.list(path('list')), ['10', '9', 'a', 'b'])
  })

  test(`${name}: a file is replaced as a whole`, () => {
    disk.replaceFile(path('file'), Buffer.from('a long content'))
    disk.replaceFile(path('file'), Buffer.from('short'))
    assert.equal(disk.readFile(path('file')).toString(), 'short')
    assert.ok(!disk.exists(path('file.tmp')))
  })

  test(`${name}: a file is created exclusively once`, () => {
    disk.createExclusively(path('once'), Buffer.from('first'))
    assert.throws(() => disk.createExclusively(path('once'), Buffer.from('second')), { code: 'EEXIST' })
    assert.equal(disk.readFile(path('once')).toString(), 'first')
  })

  test(`${name}: what is not there is reported as such`, () => {
    for (const attempt of [
      () => disk.readFile(path('nothing')),
      () => disk.open(path('nothing'), 'existing'),
      () => disk.rename(path('nothing'), path('other')),
      () => disk.remove(path('nothing')),
      () => disk.list(path('nothing')),
    ]) {
      assert.throws(attempt, { code: 'ENOENT' })
    }
    assert.equal(disk.exists(path('nothing')), false)
  })

  test(`${name}: files are renamed over others, and removed`, () => {
    disk.replaceFile(path('from'), Buffer.from('from'))
    disk.replaceFile(path('to'), Buffer.from('to'))
    disk.rename(path('from'), path('to'))
    disk.syncFolder(folder)
    assert.equal(disk.readFile(path('to')).toString(), 'from')
    assert.ok(!disk.exists(path('from')))
    disk.remove(path('to'))
    assert.ok(!disk.exists(path('to')))
  })

  test(`${name}: bytes are written anywhere, and read up to the end of the file`, async () => {
    const file = disk.open(path('bytes'), 'create')
    assert.equal(file.size, 0)
    await file.write(Buffer.from('abcdef'), 2)
    await file.writeDurably(Buffer.from('XY'), 4)
    await file.write(Buffer.alloc(0), 8)
    await file.sync()
    assert.equal(file.size, 8)
    const target = Buffer.alloc(10, '.')
    assert.equal(file.read(target, 0), 8)
    assert.equal(target.toString(), '\0\0abXYef..')
    assert.equal(file.read(target, 6), 2)
    assert.equal(file.read(target, 8), 0)
    file.close()
    assert.equal(disk.readFile(path('bytes')).toString(), '\0\0abXYef')
  })

  test(`${name}: a file that exists keeps its bytes when opened, and loses them when created`, async () => {
    disk.replaceFile(path('twice'), Buffer.from('there before'))
    const kept = disk.open(path('twice'), 'existing')
    assert.equal(kept.size, 12)
    kept.close()
    const emptied = disk.open(path('twice'), 'create')
    assert.equal(emptied.size, 0)
    emptied.close()
    assert.equal(disk.readFile(path('twice')).length, 0)
  })

  test(`${name}: an open file stays the same file under another name`, async () => {
    const file = disk.open(path('old'), 'create')
    disk.rename(path('old'), path('new'))
    await file.writeDurably(Buffer.from('after'), 0)
    assert.equal(disk.readFile(path('new')).toString(), 'after')
    file.close()
  })

  test(`${name}: a large write is written to its end`, async () => {
    const file = disk.open(path('large'), 'create')
    const bytes = Buffer.alloc(3 * 1024 * 1024, 'large')
    await file.writeDurably(bytes, 512)
    const target = Buffer.alloc(bytes.length)
    assert.equal(file.read(target, 512), bytes.length)
    assert.ok(target.equals(bytes))
    file.close()
  })

  test(`${name}: a closed file takes and gives nothing`, async () => {
    const file = disk.open(path('closed'), 'create')
    file.close()
    await assert.rejects(file.write(Buffer.from('x'), 0), { code: 'EBADF' })
    await assert.rejects(file.writeDurably(Buffer.from('x'), 0), { code: 'EBADF' })
    await assert.rejects(file.sync(), { code: 'EBADF' })
    assert.throws(() => file.read(Buffer.alloc(1), 0), { code: 'EBADF' })
  })

  test(`${name}: a log lives on it`, async () => {
    const options = { disk, folder: path('log'), owner: 'me', segmentBytes: 16 * 1024 }
    const log = await SegmentedLog.open(options)
    const records = Array.from({ length: 12 }, (_, i) => record(`${i}`, 3000))
    for (const [i, one] of records.entries()) await log.append(batch(i + 1, [one]))
    await log.append(batch(11, [record('new')], { truncateFrom: 11, state: Buffer.from('state') }))
    await log.close()
    const reopened = await SegmentedLog.open(options)
    const expected = { records: [...records.slice(0, 10), record('new')], state: Buffer.from('state') }
    assert.ok(sameModel(contentOf(reopened), expected))
    await reopened.close()
  })
}

/** The calls that make something durable, in order, with the names of the files they are for. */
async function durabilityCalls(action: () => unknown): Promise<string[]> {
  const { openSync, renameSync, fsyncSync, write, fdatasync } = fs
  const files = new Map<number, string>()
  const calls: string[] = []
  const note = (what: string, descriptor: number): void => void calls.push(`${what} ${files.get(descriptor)}`)
  const mocks = [
    mock.method(fs, 'openSync', (path: string, flags: string | number, mode?: number) => {
      const descriptor = openSync(path, flags, mode)
      const durable = typeof flags === 'number' && (flags & fs.constants.O_DSYNC) !== 0
      files.set(descriptor, `${relative(root, path)}${durable ? ' with O_DSYNC' : ''}`)
      return descriptor
    }),
    mock.method(fs, 'fsyncSync', (descriptor: number) => {
      note('sync', descriptor)
      fsyncSync(descriptor)
    }),
    mock.method(fs, 'renameSync', (from: string, to: string) => {
      calls.push(`rename ${relative(root, from)} to ${relative(root, to)}`)
      renameSync(from, to)
    }),
    mock.method(fs, 'fdatasync', (descriptor: number, callback: fs.NoParamCallback) => {
      note('datasync', descriptor)
      fdatasync(descriptor, callback)
    }),
    // Never more than 1000 bytes at a time, as a disk that is nearly full.
    mock.method(
      fs,
      'write',
      (...[descriptor, bytes, offset, length, position, callback]: WriteParameters) => {
        note('write', descriptor)
        write(descriptor, bytes, offset, Math.min(length, 1000), position, callback)
      },
    ),
  ]
  try {
    await action()
  } finally {
    for (const one of mocks) one.mock.restore()
  }
  return calls
}

type WriteParameters = [
  descriptor: number,
  bytes: Buffer,
  offset: number,
  length: number,
  position: number,
  callback: (error: NodeJS.ErrnoException | null, written: number) => void,
]

const ofLinux = { skip: process.platform === 'linux' ? false : 'Linux only' }

test('node disk: every new folder is made durable in the one above it', ofLinux, async () => {
  const make = (): void => nodeDisk.makeFolder(join(root, 'x', 'y', 'z'))
  assert.deepEqual((await durabilityCalls(make)).sort(), ['sync ', 'sync x', 'sync x/y'])
  assert.deepEqual(await durabilityCalls(make), [])
})

test(
  'node disk: a file is on the device before it gets its name, and the name before the call returns',
  ofLinux,
  async () => {
    const folder = join(root, 'order')
    nodeDisk.makeFolder(folder)
    const replaced = await durabilityCalls(() => nodeDisk.replaceFile(join(folder, 'a'), Buffer.from('a')))
    assert.deepEqual(replaced, ['sync order/a.tmp', 'rename order/a.tmp to order/a', 'sync order'])
    const created = await durabilityCalls(() =>
      nodeDisk.createExclusively(join(folder, 'b'), Buffer.from('b')),
    )
    assert.deepEqual(created, ['sync order/b', 'sync order'])
  },
)

test(
  'node disk: a durable write goes past the cache, a sync reaches the device, a short write goes on',
  ofLinux,
  async () => {
    const path = join(root, 'durable')
    const bytes = Buffer.alloc(2500, 'durable ')
    const calls = await durabilityCalls(async () => {
      const file = nodeDisk.open(path, 'create')
      await file.writeDurably(bytes, 100)
      await file.write(bytes.subarray(0, 10), 0)
      await file.sync()
      file.close()
    })
    const durably = 'write durable with O_DSYNC'
    assert.deepEqual(calls, [durably, durably, durably, 'write durable', 'datasync durable'])
    assert.ok(nodeDisk.readFile(path).subarray(100).equals(bytes))
  },
)

test('memory disk: what is not synced may be lost, kept, torn or reordered', async () => {
  const disk = new MemoryDisk()
  disk.makeFolder('/d')
  const file = disk.open('/d/f', 'create')
  await file.writeDurably(Buffer.alloc(1024, 'a'), 0)
  assert.ok(!disk.outage(() => 0).exists('/d/f'), 'a file without a durable name is gone')
  disk.syncFolder('/d')
  await file.write(Buffer.alloc(1024, 'b'), 0)
  await file.write(Buffer.alloc(100, 'c'), 0)
  const found = new Set<string>()
  for (const left of outages(disk, 100, seeded(1))) {
    const bytes = left.readFile('/d/f')
    found.add(`${bytes.toString('latin1', 99, 101)}${bytes.toString('latin1', 512, 513)}`)
  }
  assert.deepEqual([...found].sort(), ['aaa', 'aab', 'bba', 'bbb', 'cba', 'cbb'])
  await file.sync()
  assert.deepEqual(disk.pending(), [])
})

test('memory disk: names survive one by one, and a rename is all or nothing', () => {
  const disk = new MemoryDisk()
  disk.makeFolder('/d')
  for (const name of ['old', 'other']) disk.replaceFile(`/d/${name}`, Buffer.from(name))
  disk.rename('/d/old', '/d/new')
  disk.remove('/d/other')
  const found = [...outages(disk, 100, seeded(1))].map(left => left.list('/d').join(' ')).sort()
  assert.deepEqual(found, ['new', 'new other', 'old', 'old other'])
  disk.syncFolder('/d')
  assert.deepEqual(disk.outage(() => 0).list('/d'), ['new'])
})

test('memory disk: a write that is made durable takes no other with it', async () => {
  const disk = new MemoryDisk()
  disk.makeFolder('/d')
  disk.replaceFile('/d/f', Buffer.alloc(1536))
  const file = disk.open('/d/f', 'existing')
  await file.write(Buffer.from('first'), 0)
  await file.writeDurably(Buffer.from('second'), 1024)
  const left = disk.outage(() => 0).readFile('/d/f')
  assert.equal(left[0], 0)
  assert.equal(left.toString('latin1', 1024, 1030), 'second')
})

test('memory disk: what a failed sync was to write is seen, and never written', async () => {
  const disk = new MemoryDisk()
  disk.makeFolder('/d')
  disk.replaceFile('/d/f', Buffer.alloc(512))
  const file = disk.open('/d/f', 'existing')
  disk.fault = failOnce('sync')
  await assert.rejects(file.writeDurably(Buffer.from('lost'), 0), { code: 'EIO' })
  await file.sync()
  assert.equal(disk.readFile('/d/f').toString('latin1', 0, 4), 'lost')
  assert.equal(disk.outage((_, versions) => versions - 1).readFile('/d/f')[0], 0)
})

test('memory disk: it counts what was done, and holds writes back', async () => {
  const disk = new MemoryDisk()
  const log = await openLog(disk)
  const before = [disk.count('write'), disk.count('sync')]
  const release = disk.hold()
  let done = false
  const append = log.append(batch(1, [record('a')])).then(() => {
    done = true
  })
  for (let i = 0; i < 20; i++) await Promise.resolve()
  assert.equal(done, false)
  release()
  await append
  assert.deepEqual([disk.count('write'), disk.count('sync')], [before[0]! + 1, before[1]! + 1])
})
