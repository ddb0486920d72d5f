import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { deferred } from '../../../src/base/deferred.ts'
import type { Clock } from '../../../src/io/clock.ts'
import { nodeClock } from '../../../src/io/node-clock.ts'
import { History } from '../metadata/history.ts'
import { assertMirrors, Source, sqlitePlace, stopAll, Watched } from './world.ts'

const folder = mkdtempSync(join(tmpdir(), 'dmq-mirror-'))
after(async () => {
  await stopAll()
  rmSync(folder, { recursive: true })
})

test('a file that cannot be made is told once, and made when it can', async () => {
  const inTheWay = join(folder, 'file')
  writeFileSync(inTheWay, '')
  const place = sqlitePlace(join(inTheWay, 'mirror.db'))
  const source = new Source()
  const history = new History(1)
  const watched = new Watched(place.address, source).begin()
  source.live(history, 50)
  await watched.heard('failed')
  const { versions, connected } = watched.mirror.lag()!
  assert.deepEqual([versions, connected], [source.image.version, false])
  unlinkSync(inTheWay)
  await watched.heard('recovered')
  await watched.caughtUp()
  await watched.stop()
  assert.deepEqual([watched.count('failed'), watched.count('recovered')], [1, 1])
  await assertMirrors(place, source)
})

test('another program that writes for long is waited for, told, and waited for again', async () => {
  const place = sqlitePlace(join(folder, 'busy.db'))
  const source = new Source()
  const history = new History(2)
  const watched = new Watched(place.address, source).begin()
  source.live(history, 50)
  await watched.caughtUp()
  const other = new DatabaseSync(join(folder, 'busy.db'))
  other.exec('BEGIN IMMEDIATE')
  source.live(history, 50)
  await watched.heard('failed')
  assert.match(watched.told.at(-1)!.text, /locked/)
  other.exec('ROLLBACK')
  other.close()
  await watched.heard('recovered')
  await watched.caughtUp()
  await watched.stop()
  await assertMirrors(place, source)
})

test('a database that answers, but cannot be written to, is told once, and tried ever more seldom', async () => {
  const place = sqlitePlace(join(folder, 'full.db'))
  const source = new Source()
  const history = new History(3)
  const pauses: number[] = []
  const tried = deferred<void>()
  const clock: Clock = {
    ...nodeClock,
    timer(delayMs, callback) {
      if (delayMs > 20 && pauses.push(delayMs) === 5) tried.resolve()
      return nodeClock.timer(Math.min(delayMs, 20), callback)
    },
  }
  const watched = new Watched(place.address, source, clock).begin()
  source.live(history, 50)
  await watched.caughtUp()
  await place.run(`CREATE TRIGGER full BEFORE INSERT ON history BEGIN SELECT RAISE(ABORT, 'no room'); END`)
  source.live(history, 50)
  await tried.promise
  assert.deepEqual([watched.count('failed'), watched.count('recovered')], [1, 0])
  assert.match(watched.told.at(-1)!.text, /no room/)
  assert.deepEqual(pauses.slice(0, 5), [100, 200, 400, 800, 1_600])
  await place.run('DROP TRIGGER full')
  await watched.heard('recovered')
  await watched.caughtUp()
  await watched.stop()
  await assertMirrors(place, source)
})

test('what is no database is left as it is', async () => {
  const path = join(folder, 'text')
  writeFileSync(path, 'these are notes, and no database '.repeat(100))
  const watched = new Watched(sqlitePlace(path).address, new Source()).begin()
  await watched.heard('failed')
  await watched.stop()
  assert.match(watched.told[0]!.text, /not a database/)
})
