import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import { nodeDisk } from '../../../src/io/node-disk.ts'
import { PostgresTable } from '../../../src/io/postgres-table.ts'
import { SqliteTable } from '../../../src/io/sqlite-table.ts'
import type { Batch, Log } from '../../../src/log/log.ts'
import { SegmentedLog } from '../../../src/log/segmented-log.ts'
import { type RowCodec, SqlLog } from '../../../src/log/sql-log.ts'
import { batch, OWNER, record, SEGMENT_BYTES } from './model.ts'

/** What every store of the log promises, by the words of log.ts; on real files, and a real database where there is one. */
type Store = { readonly open: () => Promise<Log>; readonly skip?: string }

const POSTGRES = process.env.DMQ_TEST_POSTGRES
const folder = mkdtempSync(join(tmpdir(), 'dmq-log-'))
after(() => rmSync(folder, { recursive: true }))
let stores = 0

const codec: RowCodec = {
  encode: (index, bytes) => ({ index, term: index, type: 'Text', data: bytes }),
  decode: ({ data }) => data,
}

/** An own log for each test; opening it again is a restart. */
const STORES: Readonly<Record<string, () => Store>> = {
  segments: () => {
    const own = join(folder, String(++stores))
    return {
      open: () =>
        SegmentedLog.open({ disk: nodeDisk, folder: own, owner: OWNER, segmentBytes: SEGMENT_BYTES }),
    }
  },
  'an SQLite table': () => {
    const path = join(folder, `${++stores}.db`)
    return { open: async () => SqlLog.open({ table: new SqliteTable(path, 'uuid'), codec, time: () => 7 }) }
  },
  'a PostgreSQL table': () => {
    const uuid = `test-${process.pid}-${++stores}`
    return {
      open: async () =>
        SqlLog.open({ table: await PostgresTable.open(POSTGRES!, uuid), codec, time: () => 7 }),
      ...(POSTGRES === undefined ? { skip: 'DMQ_TEST_POSTGRES names no database' } : {}),
    }
  },
}

type Content = { first: number; records: Buffer[]; state: Buffer | null }

function contentOf(log: Log): Content {
  const { firstIndex: first, lastIndex, state } = log
  return {
    first,
    records: lastIndex < first ? [] : log.read(first, lastIndex, Number.POSITIVE_INFINITY),
    state,
  }
}

/** What a batch makes of a log, as plainly as it can be said. */
function applied({ first, records, state }: Content, next: Batch): Content {
  const begun = next.resetTo === null ? { first, records } : { first: next.resetTo + 1, records: [] }
  const cut = next.truncateFrom ?? Number.POSITIVE_INFINITY
  const left = begun.records.slice(0, Math.max(0, cut - begun.first))
  return { first: begun.first, records: [...left, ...next.records], state: next.state ?? state }
}

function randomBatch(chance: Chance, { first, records }: Content): Batch {
  const last = first + records.length - 1
  const resetTo = chance.happens(0.05) ? last + chance.between(0, 20) : null
  const truncateFrom = resetTo === null && chance.happens(0.2) ? chance.between(first, last + 2) : null
  const firstIndex = (resetTo ?? Math.min(last, (truncateFrom ?? last + 1) - 1)) + 1
  const more = Array.from({ length: chance.between(0, 4) }, () =>
    record(String(chance.between(0, 1e6)), chance.between(0, 900)),
  )
  const state = chance.happens(0.3) ? Buffer.from(`state ${chance.between(0, 1e6)}`) : null
  return { resetTo, truncateFrom, firstIndex: more.length === 0 ? 0 : firstIndex, records: more, state }
}

for (const [name, store] of Object.entries(STORES)) {
  const { skip } = store()
  describe(`a log in ${name}`, skip === undefined ? {} : { skip }, () => {
    test('begins empty, with record 1 and no state', async () => {
      const log = await store().open()
      assert.deepEqual([log.firstIndex, log.lastIndex, log.state], [1, 0, null])
      await log.close()
    })

    test('is after any batches what they make of it, and so after a restart', async () => {
      for (let seed = 1; seed <= 6; seed++) {
        const chance = new Chance(seed)
        const { open } = store()
        let log = await open()
        let content: Content = { first: 1, records: [], state: null }
        for (let round = 0; round < 25; round++) {
          const under = Array.from({ length: chance.between(1, 4) }, () => {
            const next = randomBatch(chance, content)
            content = applied(content, next)
            return log.append(next)
          })
          await Promise.all(under)
          assert.deepEqual(contentOf(log), content, `seed ${seed}, round ${round}`)
          if (!chance.happens(0.2)) continue
          await log.close()
          log = await open()
          assert.deepEqual(contentOf(log), content, `seed ${seed}, after a restart`)
        }
        await log.close()
      }
    })

    test('drops what is not wanted any more, never more, and appends behind it', async () => {
      const { open } = store()
      let log = await open()
      for (let i = 1; i <= 60; i++)
        await log.append(batch(i, [record(`r${i}`, 1000)], { state: Buffer.from(`s${i}`) }))
      await log.dropBefore(40)
      assert(log.firstIndex > 1 && log.firstIndex <= 40, `it begins with ${log.firstIndex}`)
      for (const round of ['now', 'after a restart']) {
        assert.deepEqual(
          log.read(40, 60, 1e6).map(String),
          Array.from({ length: 21 }, (_, i) => String(record(`r${40 + i}`, 1000))),
          round,
        )
        assert.deepEqual([log.lastIndex, String(log.state)], [60, 's60'])
        await log.close()
        log = await open()
      }
      await log.append(batch(61, [record('r61')]))
      await log.dropBefore(61)
      assert.deepEqual(log.read(61, 61, 1), [record('r61')])
      await log.dropBefore(1000)
      assert.equal(log.lastIndex, 61)
      await log.close()
    })

    test('begins anew behind a reset, and keeps the state', async () => {
      const { open } = store()
      let log = await open()
      await log.append(batch(1, [record('a'), record('b')], { state: Buffer.from('term 3') }))
      await log.append(batch(0, [], { resetTo: 100 }))
      for (let round = 0; round < 2; round++) {
        assert.deepEqual([log.firstIndex, log.lastIndex, String(log.state)], [101, 100, 'term 3'])
        await log.close()
        log = await open()
      }
      await log.append(batch(101, [record('c')]))
      assert.equal(String(log.read(101, 101, 1)[0]).slice(0, 1), 'c')
      await log.close()
    })

    test('reads at least one record, and no more bytes than asked', async () => {
      const log = await store().open()
      await log.append(batch(1, [record('a', 100), record('b', 100), record('c', 100)]))
      assert.deepEqual(
        [1, 150, 200, 1e6].map(most => log.read(1, 3, most).length),
        [1, 1, 2, 3],
      )
      assert.throws(() => log.read(1, 4, 100), /are in the log/)
      await log.close()
    })

    test('accepts nothing more once it is closed', async () => {
      const log = await store().open()
      await log.close()
      await assert.rejects(log.append(batch(1, [record('a')])), /closed/)
    })
  })
}

test('an SQLite file has one user at a time', async () => {
  const path = join(folder, 'one.db')
  const first = new SqliteTable(path, 'uuid')
  assert.throws(() => new SqliteTable(path, 'uuid'), /cannot be opened as the log of this node/)
  await first.close()
  await new SqliteTable(path, 'uuid').close()
})

const postgres = POSTGRES === undefined ? { skip: 'DMQ_TEST_POSTGRES names no database' } : {}
test(
  'the rows of one data directory have one user at a time; another one has its own',
  postgres,
  async () => {
    const uuid = `lock-${process.pid}`
    const first = await PostgresTable.open(POSTGRES!, uuid)
    await assert.rejects(PostgresTable.open(POSTGRES!, uuid), /is in use by another process/)
    await (await PostgresTable.open(POSTGRES!, `${uuid}-other`)).close()
    await first.close()
    await (await PostgresTable.open(POSTGRES!, uuid)).close()
  },
)

test(
  'a lost connection is the end of the log: it is told, and nothing is written without the lock',
  postgres,
  async () => {
    const uuid = `lost-${process.pid}`
    const table = await PostgresTable.open(POSTGRES!, uuid)
    const log = await SqlLog.open({ table, codec, time: () => 7 })
    await log.append(batch(1, [record('a')]))
    const { default: connect } = await import('postgres')
    const other = connect(POSTGRES!, { max: 1 })
    await other`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dmq raft log' AND pid <> pg_backend_pid()`
    await assert.rejects(log.append(batch(2, [record('b')])))
    await assert.rejects(log.append(batch(2, [record('b')])))
    const again = await SqlLog.open({
      table: await PostgresTable.open(POSTGRES!, uuid),
      codec,
      time: () => 7,
    })
    assert.equal(again.lastIndex, 1)
    await again.close()
    await other.end()
  },
)
