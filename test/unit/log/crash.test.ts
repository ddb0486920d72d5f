import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../../../simulator/chance.ts'
import { type Batch, DamagedLog } from '../../../src/log/log.ts'
import type { SegmentedLog } from '../../../src/log/segmented-log.ts'
import { type Fault, failOnce, MemoryDisk, outages } from './memory-disk.ts'
import {
  applied,
  assertContent,
  batch,
  contentOf,
  describe,
  type Model,
  modelsOf,
  openLog,
  randomBatch,
  record,
  SEGMENT_BYTES,
  sameModel,
  segmentPaths,
} from './model.ts'

/**
 * Runs short histories and stops the machine at every moment at which the disk has changed. What a power failure could
 * leave then is opened: every acknowledged batch must be there, and the one under way must be missing or whole.
 */
type Moment = { readonly acknowledged: number; readonly issued: number; readonly disk: MemoryDisk }

const OUTAGES_MAX = 40
const AGAIN = record('after the crash', 700)

async function runWatched(history: readonly Batch[], atOnce = 1): Promise<Moment[]> {
  const disk = new MemoryDisk()
  const moments: Moment[] = []
  let acknowledged = 0
  let issued = 0
  disk.changed = () => moments.push({ acknowledged, issued, disk: disk.killed() })
  const log = await openLog(disk)
  while (issued < history.length) {
    const group = history.slice(issued, issued + atOnce)
    issued += group.length
    await Promise.all(group.map(one => log.append(one).then(() => acknowledged++)))
  }
  await log.close()
  disk.changed()
  return moments
}

async function reopen(disk: MemoryDisk, allowed: readonly Model[], when: string): Promise<SegmentedLog> {
  const log = await openLog(disk).catch(error => assert.fail(`${when}: ${error.stack}`))
  const found = contentOf(log)
  const expected = allowed.map(describe).join('\n or ')
  assert.ok(
    allowed.some(model => sameModel(model, found)),
    `${when}: found ${describe(found)}, not\n    ${expected}`,
  )
  return log
}

/** A log that was opened and read is relied upon: it stays as it is, takes records, and survives the next failure. */
async function goOn(disk: MemoryDisk, log: SegmentedLog, when: string, random: () => number): Promise<void> {
  const found = contentOf(log)
  for (const next of outages(disk, 6, random)) await (await reopen(next, [found], `${when}, again`)).close()
  const more = batch(log.lastIndex + 1, [AGAIN])
  await log.append(more)
  for (const next of outages(disk, 6, random)) {
    await (await reopen(next, [applied(found, more)], `${when}, appended, again`)).close()
  }
}

/** The power fails once more while a torn frame is being cut off. */
async function failWhileRecovering(
  disk: MemoryDisk,
  allowed: readonly Model[],
  when: string,
  random: () => number,
): Promise<void> {
  const moments: MemoryDisk[] = []
  disk.changed = () => moments.push(disk.killed())
  await (await openLog(disk)).close()
  for (const moment of moments) {
    for (const left of outages(moment, 6, random)) {
      await (await reopen(left, allowed, `${when}, failed while recovering`)).close()
    }
    await (await reopen(moment, allowed, `${when}, killed while recovering`)).close()
  }
}

async function explore(history: readonly Batch[], atOnce = 1): Promise<number> {
  const random = seeded(1)
  const models = modelsOf(history)
  let explored = 0
  let torn = 0
  for (const [number, { acknowledged, issued, disk }] of (await runWatched(history, atOnce)).entries()) {
    const allowed = models.slice(acknowledged, issued + 1)
    for (const left of outages(disk, OUTAGES_MAX, random)) {
      const when = `moment ${number}, outage ${explored++}`
      const before = left.killed()
      const log = await reopen(left, allowed, when)
      if (log.torn !== null && torn++ % 16 === 0) await failWhileRecovering(before, allowed, when, random)
      if (explored % 16 === 0) await goOn(left, log, when, random)
      await log.close()
    }
    const killed = disk.killed()
    const when = `moment ${number}, killed`
    const log = await reopen(killed, allowed, when)
    await goOn(killed, log, when, random)
    await log.close()
  }
  return explored
}

const VOTE = Buffer.from('term 3, voted for 2')
const COMMIT = Buffer.from('term 4, commit 3')

const HISTORIES: Record<string, Batch[]> = {
  'small records': [
    batch(1, [record('a')]),
    batch(2, [record('b'), record('c')]),
    batch(4, [record('d', 3)]),
    batch(5, [record('e', 300)]),
  ],
  'records of several sectors': [
    batch(1, [record('a', 1500)]),
    batch(2, [record('b', 2300), record('c', 9)]),
  ],
  'records of zeros and of one byte': [
    batch(1, [Buffer.alloc(1400)]),
    batch(2, [Buffer.alloc(1400, 0xff), Buffer.alloc(1100)]),
    batch(4, [Buffer.alloc(0)]),
  ],
  'states alone': [
    batch(1, [], { state: VOTE }),
    batch(1, [record('a')], { state: COMMIT }),
    batch(0, [], { state: VOTE }),
  ],
  truncations: [
    batch(1, [record('a'), record('b'), record('c')]),
    batch(3, [record('C', 900)], { truncateFrom: 3, state: VOTE }),
    batch(0, [], { truncateFrom: 2 }),
    batch(1, [record('A'), record('B', 600)], { truncateFrom: 1 }),
  ],
  'a roll': [
    batch(1, [record('a', 5000)], { state: VOTE }),
    batch(2, [record('b', 5000)]),
    batch(3, [record('c', 5000)], { state: COMMIT }),
    batch(4, [record('d', 200)]),
  ],
  'a truncation across a roll': [
    batch(1, [record('a', 5000), record('b', 100)]),
    batch(3, [record('c', 5000)]),
    batch(2, [record('B', 5000)], { truncateFrom: 2, state: VOTE }),
  ],
  'a batch of several frames, across a roll': [
    batch(1, [record('a', 2000), record('b', 10)], { state: VOTE }),
    batch(2, [record('B', 5000), record('C', 5000), record('D', 5000)], { truncateFrom: 2, state: COMMIT }),
    batch(5, [record('e')]),
  ],
}

for (const [name, history] of Object.entries(HISTORIES)) {
  test(`power fails or the process is killed at any moment: ${name}`, async t => {
    t.diagnostic(`${await explore(history)} outages`)
  })
}

for (const seed of process.env.SEED === undefined ? [1, 2, 3, 4] : [Number(process.env.SEED)]) {
  test(`power fails or the process is killed at any moment: a random history (SEED=${seed})`, async t => {
    const random = seeded(seed)
    const history: Batch[] = []
    for (let i = 0; i < 6; i++) {
      history.push(randomBatch(modelsOf(history).at(-1)!, limit => Math.floor(random() * limit)))
    }
    t.diagnostic(`${await explore(history)} outages`)
  })
}

test('power fails while batches are merged: each is missing or whole', async t => {
  const history = Array.from({ length: 8 }, (_, i) =>
    batch(i + 1, [record(`${i}`, 400)], i % 3 === 0 ? { state: VOTE } : {}),
  )
  t.diagnostic(`${await explore(history, 4)} outages`)
})

test('a write, sync or rename fails at any point, the process starts again, then the power fails', async t => {
  const history = HISTORIES['a batch of several frames, across a roll']!
  let failures = 0
  for (const kind of ['create', 'write', 'sync', 'rename', 'syncFolder']) {
    for (let nth = 1; ; nth++) {
      const failed = await runFailing(
        history,
        failOnce(kind, nth, 'EIO', nth % 3 === 0 ? 600 : 0),
        `${kind} ${nth}`,
      )
      if (!failed) break
      failures += 1
    }
  }
  assert.ok(failures > 20)
  t.diagnostic(`${failures} failures`)
})

/** Runs until an operation fails, if one does. Whatever is found after the restart is found after an outage too. */
async function runFailing(history: readonly Batch[], fault: Fault, when: string): Promise<boolean> {
  const random = seeded(2)
  const disk = new MemoryDisk()
  disk.fault = fault
  const models = modelsOf(history)
  let acknowledged = 0
  let failed = false
  try {
    const log = await openLog(disk)
    for (const one of history) {
      await log.append(one)
      acknowledged += 1
    }
    await log.close()
  } catch (error) {
    failed = (error as NodeJS.ErrnoException).code === 'EIO'
    assert.ok(failed, `${when}: ${error}`)
  }
  const next = disk.killed()
  const log = await reopen(next, models.slice(acknowledged, acknowledged + 2), when)
  await goOn(next, log, when, random)
  await log.close()
  return failed
}

type Damage = { readonly name: string; readonly change: (sector: Buffer) => void; readonly zeroes?: true }

const DAMAGES: Damage[] = [
  { name: 'zeroed', change: sector => sector.fill(0), zeroes: true },
  { name: 'inverted', change: sector => sector.set(sector.map(byte => byte ^ 0xff)) },
  { name: 'garbage', change: sector => sector.fill('durable?') },
  ...[0, 3, 100, 255, 508, 511].map(byte => ({
    name: `bit flipped in byte ${byte}`,
    change: (sector: Buffer) => void sector.writeUInt8(sector[byte]! ^ (1 << (byte % 8)), byte),
  })),
]

const DURABLE: Record<string, Batch[]> = {
  'three segments, the last frame small': [
    batch(1, [record('a', 5000)], { state: VOTE }),
    batch(2, [record('b', 400), record('c', 5500)]),
    batch(4, [record('d', 5000)]),
    batch(3, [record('C', 6000)], { truncateFrom: 3, state: COMMIT }),
    batch(4, [record('e', 900)]),
    batch(5, [Buffer.alloc(2500)]),
    batch(6, [record('f', 40)]),
    batch(7, [record('g', 40)]),
  ],
  'the last frame of several sectors': [
    batch(1, [record('a', 40)]),
    batch(2, [record('b', 40)]),
    batch(3, [Buffer.alloc(2500), record('c', 100)]),
  ],
  'the header of the last frame in two sectors': [
    batch(1, [record('a', 424)]),
    batch(2, [record('b', 1300)]),
  ],
}

for (const [name, history] of Object.entries(DURABLE)) {
  test(`a damaged sector of durable data never passes unseen: ${name}`, async () => {
    const { disk, models } = await written(history)
    for (const [number, path] of segmentPaths(disk).entries()) {
      const newest = number === segmentPaths(disk).length - 1
      for (let start = 0; start < SEGMENT_BYTES; start += 512) {
        for (const damage of DAMAGES) await damageSector(disk, path, newest, start, damage, models)
      }
    }
  })

  test(`a flipped bit of the newest frame is refused: ${name}`, async () => {
    const { disk } = await written(history)
    const path = segmentPaths(disk).at(-1)!
    const newest = framesIn(disk.readFile(path)).at(-1)!
    for (let bit = 0; bit < Math.min(newest.end - newest.start, 128) * 8; bit++) {
      const damaged = disk.killed()
      const byte = newest.start + (bit >> 3)
      damaged.damage(path, bytes => void bytes.writeUInt8(bytes[byte]! ^ (1 << (bit % 8)), byte))
      await assert.rejects(openLog(damaged), DamagedLog, `bit ${bit}`)
    }
  })
}

async function written(history: readonly Batch[]): Promise<{ disk: MemoryDisk; models: Model[] }> {
  const disk = new MemoryDisk()
  const log = await openLog(disk)
  for (const one of history) await log.append(one)
  await log.close()
  return { disk, models: modelsOf(history) }
}

/** Where the frames of a segment lie, told by their lengths alone. */
function framesIn(segment: Buffer): { start: number; end: number }[] {
  const frames: { start: number; end: number }[] = []
  for (let start = 4096; start + 4 <= segment.length; ) {
    const bytes = segment.readUInt32LE(start)
    if (bytes === 0) break
    frames.push({ start, end: start + bytes })
    start += bytes
  }
  return frames
}

async function damageSector(
  disk: MemoryDisk,
  path: string,
  newest: boolean,
  start: number,
  damage: Damage,
  models: readonly Model[],
): Promise<void> {
  const damaged = disk.killed()
  const before = damaged.readFile(path)
  damaged.damage(path, bytes => damage.change(bytes.subarray(start, start + 512)))
  const when = `${path}, sector at ${start} ${damage.name}`
  const opened = await openLog(damaged).catch(error => refusal(error, path, when))
  const frames = framesIn(before)
  const touched = frames.filter(frame => frame.start < start + 512 && frame.end > start)
  const same = damaged.readFile(path).equals(before)
  const hitsLast = newest && touched.length > 0 && touched.at(-1) === frames.at(-1)
  if (opened === null) {
    assert.ok(!same, `${when}: refused without damage`)
    return
  }
  const lost = damage.zeroes && hitsLast ? touched.length : 0
  const harmless = same || (newest && touched.length === 0 && start >= 4096) || lost > 0
  assert.ok(harmless, `${when}: opened with ${describe(contentOf(opened))}`)
  assertContent(opened, models.at(-1 - lost)!, when)
  await opened.close()
}

/** Null, for a refusal that says all that an operator needs. */
function refusal(error: Error, path: string, when: string): null {
  assert.ok(error instanceof DamagedLog, `${when}: ${error.stack}`)
  assert.match(
    error.message,
    /at offset \d+, records from \d+ on: .*Restore this data directory|Start the release/,
    when,
  )
  assert.ok(error.message.includes(path.slice(0, path.lastIndexOf('/'))), when)
  return null
}
