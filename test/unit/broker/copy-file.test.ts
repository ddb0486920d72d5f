import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../../../simulator/chance.ts'
import { CopyFile } from '../../../src/broker/copy-file.ts'
import type { ImageHead } from '../../../src/broker/metadata-copy.ts'
import type { Image } from '../../../src/metadata/image.ts'
import { renderImage } from '../../../src/metadata/render.ts'
import { failOnce, MemoryDisk, outages } from '../log/memory-disk.ts'
import { Machine } from '../metadata/machine.ts'

const FOLDER = '/data'
const PATH = `${FOLDER}/metadata-copy`
const noPause = async (): Promise<void> => {}

function headOf({ version, stateHash }: Image): ImageHead {
  return { clusterId: 'cluster A', recoveryEpoch: 3, version, stateHash }
}

/** Two versions of an image, the second with more in it. */
function versions(): [Image, Image] {
  const make = (topics: number): Image => {
    const machine = new Machine().withBrokers(1, 2, 3)
    for (let i = 0; i < topics; i++)
      machine.withTopic(`topic-${i}`, [
        [1, 2],
        [2, 3],
        [3, 1],
      ])
    return machine.image
  }
  return [make(3), make(40)]
}

function freshDisk(): MemoryDisk {
  const disk = new MemoryDisk()
  disk.makeFolder(FOLDER)
  return disk
}

async function loaded(disk: MemoryDisk) {
  return new CopyFile(disk, FOLDER, noPause).load()
}

test('what was saved is loaded: the image, and of which cluster it is', async () => {
  const disk = freshDisk()
  const [, image] = versions()
  assert.equal(await loaded(disk), null)
  await new CopyFile(disk, FOLDER, noPause).save(headOf(image), image)
  const found = (await loaded(disk))!
  assert.deepEqual(found.head, headOf(image))
  assert.deepEqual(renderImage(found.image), renderImage(image))
  assert.deepEqual(disk.list(FOLDER), ['metadata-copy'])
})

test('whenever the power fails or the process dies, the copy before or the new one is found, whole', async t => {
  const [first, second] = versions()
  const disk = freshDisk()
  const moments: MemoryDisk[] = []
  const file = new CopyFile(disk, FOLDER, noPause)
  await file.save(headOf(first), first)
  disk.changed = () => moments.push(disk.killed())
  await file.save(headOf(second), second)
  let explored = 0
  const found = new Set<number>()
  for (const [number, moment] of moments.entries()) {
    for (const left of [moment, ...outages(moment, 30, seeded(number))]) {
      const { head, image } = (await loaded(left))!
      assert.ok([first.version, second.version].includes(head.version), `moment ${number}`)
      assert.equal(image.stateHash, head.version === first.version ? first.stateHash : second.stateHash)
      assert.deepEqual(left.list(FOLDER), ['metadata-copy'], 'what was left aside is gone')
      found.add(head.version)
      explored += 1
    }
  }
  assert.equal(
    (await loaded(disk.outage(() => 0)))!.head.version,
    second.version,
    'it is durable when save returns',
  )
  assert.equal(found.size, 2)
  t.diagnostic(`${explored} disks`)
})

test('an operation that fails is told, and the copy before stays', async () => {
  const [first, second] = versions()
  for (const kind of ['write', 'sync', 'rename', 'create']) {
    const disk = freshDisk()
    const file = new CopyFile(disk, FOLDER, noPause)
    await file.save(headOf(first), first)
    disk.fault = failOnce(kind, 1)
    await assert.rejects(file.save(headOf(second), second), Error, kind)
    disk.fault = () => {}
    assert.equal((await loaded(disk))!.head.version, first.version, kind)
    await file.save(headOf(second), second)
    assert.equal((await loaded(disk))!.head.version, second.version, kind)
  }
})

test('a damaged copy is told with its path, and thrown away', async () => {
  const [image] = versions()
  const disk = freshDisk()
  await new CopyFile(disk, FOLDER, noPause).save(headOf(image), image)
  const size = disk.readFile(PATH).length
  for (let position = 0; position < size; position += 97) {
    const left = disk.killed()
    left.damage(PATH, bytes => {
      bytes[position]! ^= 0x10
    })
    await assert.rejects(loaded(left), /^Error: \/data\/metadata-copy: /, `byte ${position}`)
    assert.equal(await loaded(left), null)
  }
})

test('a copy that does not come to the state hash of its pieces is refused', async () => {
  const [image] = versions()
  const disk = freshDisk()
  const topic = image.topic('topic-0')!
  const before = image.stateHash
  const file = new CopyFile(disk, FOLDER, noPause)
  await file.save(headOf(image), image)
  assert.equal((await loaded(disk))!.image.stateHash, before)
  image.changeTopic({ ...topic, config: { 'retention.ms': '1' } })
  await file.save({ ...headOf(image), stateHash: before }, image)
  const { head, image: read } = (await loaded(disk))!
  assert.notEqual(head.stateHash, read.stateHash, 'what installs it compares')
})

test('what changes while it is written does not get into it', async () => {
  const machine = new Machine().withBrokers(1, 2)
  for (let i = 0; i < 600; i++) machine.withTopic(`topic-${i}`, [[1, 2]])
  const disk = freshDisk()
  const head = headOf(machine.image)
  let written = 0
  const file = new CopyFile(disk, FOLDER, async () => {
    machine.withTopic(`late-${written++}`, [[2, 1]])
  })
  await file.save(head, machine.image)
  assert.ok(written > 0)
  const found = (await loaded(disk))!
  assert.deepEqual([found.image.version, found.image.stateHash], [head.version, head.stateHash])
})
