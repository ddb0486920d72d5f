import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FatalError } from '../../../src/base/errors.ts'
import { type MirrorOptions, prepareMirror } from '../../../src/server/mirror.ts'

const NOTHING: MirrorOptions = {
  mirror: null,
  mirrorHistoryDays: 90,
  datasourceUrl: null,
  datasourceUsername: null,
  datasourcePassword: null,
}

async function prepared(options: Partial<MirrorOptions>) {
  const told: string[] = []
  const build = await prepareMirror({ ...NOTHING, ...options }, (level, event, text) =>
    told.push(`${level} ${event} ${text}`),
  )
  return { wanted: build !== null, told }
}

test('there is a mirror where one is named, by its own option or by a data source that is ours', async () => {
  assert.deepEqual(await prepared({}), { wanted: false, told: [] })
  assert.deepEqual(await prepared({ mirror: 'sqlite:x.db' }), { wanted: true, told: [] })
  assert.deepEqual(await prepared({ datasourceUrl: 'jdbc:postgresql://db/dmq' }), { wanted: true, told: [] })
  assert.deepEqual(await prepared({ mirror: 'sqlite:x.db', datasourceUrl: 'jdbc:h2:mem:x' }), {
    wanted: true,
    told: [],
  })
})

test('a data source of another kind is named, and starts no mirror', async () => {
  const { wanted, told } = await prepared({ datasourceUrl: 'jdbc:h2:mem:x', datasourcePassword: 'secret' })
  assert.equal(wanted, false)
  assert.equal(told.length, 1)
  assert.match(told[0]!, /^warn mirror\.none spring\.datasource\.url has no effect: .*jdbc:postgresql/)
})

test('a mirror that cannot be ends the start', async () => {
  await assert.rejects(prepared({ mirror: 'mysql://db/dmq' }), FatalError)
  await assert.rejects(prepared({ datasourceUrl: 'jdbc:sqlite:' }), FatalError)
})
