import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COMMAND_TYPES, encodeCommand } from '../../../src/metadata/command.ts'
import { nextBatch } from '../../../src/mirror/batch.ts'
import { MirrorStore } from '../../../src/mirror/store.ts'
import { until } from '../../cluster/processes.ts'
import { History } from '../metadata/history.ts'
import { brokerProcess, newTopic, plainBroker } from '../metadata/machine.ts'
import {
  assertMirrors,
  assertSame,
  CLUSTER,
  contents,
  expected,
  historyOf,
  openStore,
  type Place,
  postgresPlace,
  Source,
  sqlitePlace,
  stopAll,
  Watched,
} from './world.ts'

/** What a mirror promises, in every database that it can be in. */
const POSTGRES = process.env.DMQ_TEST_POSTGRES
const PLACES: Readonly<Record<string, { open: () => Promise<Place>; skip?: string }>> = {
  SQLite: { open: async () => sqlitePlace() },
  PostgreSQL: {
    open: () => postgresPlace(POSTGRES!),
    ...(POSTGRES === undefined ? { skip: 'DMQ_TEST_POSTGRES names no database' } : {}),
  },
}

const IDENTITY = { clusterId: CLUSTER, recoveryEpoch: 0, term: 1 }
const START = { recoveryEpoch: 0, version: 0, time: 0 }
const KEPT_MS = 1_000_000
const WRITING = { time: 7, told: () => {} }

for (const [name, { open, skip }] of Object.entries(PLACES)) {
  describe(`a mirror in ${name}`, skip === undefined ? {} : { skip }, () => {
    /** Runs a test on a database of its own. */
    const at = (what: string, body: (place: Place) => Promise<void>) =>
      test(what, async () => {
        const place = await open()
        try {
          await body(place)
        } finally {
          await stopAll()
          await place.close()
        }
      })

    at(
      'equals the image, row by row, at every stop of a random history, whatever the commands',
      async place => {
        const source = new Source()
        const history = new History(1)
        const watched = new Watched(place.address, source).begin()
        const changing = COMMAND_TYPES.filter(type => type !== 'NoteRejectionCommand')
        const missing = () => changing.filter(type => !source.accepted.some(each => each.type === type))
        for (let round = 0; round < 40 || missing().length > 0; round++) {
          assert.ok(round < 400, `the history never came to ${missing()}`)
          source.live(history, 1 + (round % 20))
          await watched.caughtUp()
          await assertMirrors(place, source)
        }
        await watched.stop()
        assert.deepEqual(watched.mirror.lag(), null)
      },
    )

    at('has one row of history for each accepted command, in order', async place => {
      const source = new Source()
      const history = new History(2)
      const watched = new Watched(place.address, source).begin()
      for (let round = 0; round < 10; round++) {
        source.live(history, 40)
        await watched.caughtUp()
      }
      await watched.stop()
      const rows = source.accepted.map(({ version, type, command, topics, brokers }) => ({
        ...{ recovery_epoch: 0, version, time: command.time, type },
        ...{ topics, topic_count: topics.length, brokers, data: JSON.parse(encodeCommand(command)) },
      }))
      assert.deepEqual(await historyOf(place), rows)
    })

    at(
      'deletes history that is older than it is to be kept, a part at a time, and nothing else',
      async place => {
        const source = new Source()
        const now = Date.now()
        const register = (brokerId: number, time: number) => source.apply({ ...plainBroker(brokerId), time })
        for (let brokerId = 1; brokerId <= 2_500; brokerId++) register(brokerId, now - 2 * KEPT_MS)
        for (let brokerId = 3_001; brokerId <= 3_007; brokerId++) register(brokerId, now)
        const before = new Watched(place.address, source).begin()
        await before.caughtUp()
        await before.stop()
        assert.equal((await historyOf(place)).length, 2_507)
        const watched = new Watched(place.address, source, undefined, KEPT_MS).begin({ term: 2 })
        const left = await until('what is old is gone', async () => {
          const rows = await historyOf(place)
          return rows.length === 7 && rows
        })
        assert.ok(left.every(({ time }) => time === now))
        await assertMirrors(place, source, { term: 2 })
        register(3_008, now)
        await watched.caughtUp()
        assert.equal((await historyOf(place)).length, left.length + 1, 'it goes on')
        await watched.stop()
      },
    )

    at('is pruned by nobody whose term is over', async place => {
      const store = await openStore(place)
      await store.claim(IDENTITY)
      await store.claim({ ...IDENTITY, term: 2 })
      const all = { before: Number.MAX_SAFE_INTEGER, rowsMax: 10 }
      await assert.rejects(store.prune(IDENTITY, all), /the controller of term 2 has written to it/)
      assert.equal(await store.prune({ ...IDENTITY, term: 2 }, all), 0)
    })

    at('goes on where it was: after a restart, after a change of controller, however often', async place => {
      const source = new Source()
      const history = new History(3)
      for (let term = 1; term <= 8; term++) {
        const watched = new Watched(place.address, source).begin({ term })
        source.live(history, 30)
        await watched.heard('following')
        source.live(history, 30)
        // Every other one is stopped wherever it is.
        if (term % 2 === 0) await watched.caughtUp()
        await watched.stop()
        source.live(history, 10)
      }
      const last = new Watched(place.address, source).begin({ term: 9 })
      await last.caughtUp()
      await last.stop()
      await assertMirrors(place, source, { term: 9 })
      const versions = (await historyOf(place)).map(({ version }) => version)
      assert.deepEqual(
        versions,
        source.accepted.map(({ version }) => version),
        'each once, in order',
      )
    })

    at('shows every reader the image as it was at one version', async place => {
      const source = large()
      const watched = new Watched(place.address, source).begin()
      await watched.caughtUp()
      const images = new Map([[source.image.version, expected(source.image)]])
      const versions = new Set<unknown>()
      const change = (command: object) => {
        source.apply({ time: 3, ...command } as never)
        images.set(source.image.version, expected(source.image))
      }
      for (let round = 0; round < 10; round++) {
        const { brokerId, brokerEpoch } = source.image.broker(1 + (round % 3))!
        const status = round % 6 < 3 ? 'OFFLINE' : 'ONLINE'
        const written = watched.count('written')
        // This touches all topics, which are read bit by bit, while the image goes on.
        change({ type: 'UpdateBrokerStatusCommand', brokerId, brokerEpoch, status, reason: '' })
        for (let reads = 0; watched.count('written') === written; reads++) {
          await new Promise(setImmediate)
          if (reads === 0) change({ type: 'DeleteTopicCommand', topicName: `topic-${round * 7}` })
          if (reads === 1) change(newTopic(`topic-${round * 7}`, [[2, 1]]))
          const { state, ...tables } = await contents(place)
          assertSame(tables, images.get(state.version as number)!, `version ${state.version}`)
          versions.add(state.version)
        }
      }
      await watched.caughtUp()
      await watched.stop()
      await assertMirrors(place, source)
      assert.ok(versions.size > 2, `readers met versions ${[...versions]}`)
    })

    at('writes the image as it was when the batch began, whatever becomes of it meanwhile', async place => {
      const source = large()
      const store = await openStore(place)
      let position = await store.claim(IDENTITY)
      for (const status of ['ONLINE', 'OFFLINE', 'ONLINE'] as const) {
        const { brokerId, brokerEpoch } = source.image.broker(2)!
        const reason = 'it comes and goes'
        const change = { type: 'UpdateBrokerStatusCommand', time: 3, brokerId, brokerEpoch, reason } as const
        source.apply({ ...change, status })
        const was = expected(source.image)
        const batch = nextBatch(source, position, 0)
        let step = 0
        const told = () => {
          const topicName = `topic-${299 - step++}`
          source.apply({ ...change, status: step % 2 === 0 ? status : 'OFFLINE' })
          source.apply({ type: 'DeleteTopicCommand', time: 3, topicName })
          source.apply({ ...newTopic(topicName, [[3, 1]]), time: 3 } as never)
        }
        position = await store.write(IDENTITY, position, batch, { time: 7, told })
        batch.release()
        assert.ok(step >= 5, `the image changed ${step} times meanwhile`)
        const { state, ...tables } = await contents(place)
        assertSame(tables, was, status)
        assert.equal(state.version, batch.to.version)
      }
    })

    at('writes the whole image where the changes since are gone, and says so in the history', async place => {
      const source = new Source(8_000)
      const history = new History(4)
      const first = new Watched(place.address, source).begin()
      source.live(history, 20)
      await first.caughtUp()
      await first.stop()
      const mirrored = source.image.version
      while (source.ring.since(mirrored) !== null) source.live(history, 20)
      const second = new Watched(place.address, source).begin({ term: 2 })
      await second.caughtUp()
      source.live(history, 5)
      await second.caughtUp()
      await second.stop()
      await assertMirrors(place, source, { term: 2 })
      const rows = await historyOf(place)
      const gap = rows.find(({ type }) => type === 'GAP')!
      const { from, to } = gap.data as { from: number; to: number }
      assert.deepEqual([from, gap.version], [mirrored + 1, to])
      const known = source.accepted.filter(({ version }) => version < from || version > to)
      assert.deepEqual(
        rows.filter(row => row !== gap).map(({ version }) => version),
        known.map(({ version }) => version),
      )
    })

    at('begins with a gap where the image is older than what is known of its changes', async place => {
      const before = new Source()
      before.live(new History(5), 100)
      const source = new Source(undefined, before.image)
      const watched = new Watched(place.address, source).begin()
      await watched.caughtUp()
      await watched.stop()
      await assertMirrors(place, source)
      const rows = await historyOf(place)
      assert.deepEqual(
        rows.map(({ type, data }) => [type, data]),
        [['GAP', { from: 1, to: source.image.version }]],
      )
    })

    at('refuses what a deposed controller writes late', async place => {
      const source = new Source()
      const history = new History(6)
      source.live(history, 50)
      const late = await openStore(place)
      const next = await openStore(place)
      const begun = await late.claim(IDENTITY)
      const batch = nextBatch(source, begun, 0)
      await next.claim({ ...IDENTITY, term: 2 })
      await assert.rejects(
        late.write(IDENTITY, begun, batch, WRITING),
        /the controller of term 2 has written to it/,
      )
      await assert.rejects(late.claim(IDENTITY), /the controller of term 2/)
      batch.release()
      const { state, brokers } = await contents(place)
      assert.deepEqual([state.version, state.term, brokers], [0, 2, []])
    })

    at('tells a deposed controller once, and stays as the next one wrote it', async place => {
      const source = new Source()
      const history = new History(7)
      source.live(history, 50)
      const late = new Watched(place.address, source).begin()
      await late.caughtUp()
      const next = new Watched(place.address, source).begin({ term: 2 })
      await next.heard('following')
      source.live(history, 50)
      late.mirror.wake()
      await late.heard('deposed')
      await next.caughtUp()
      assert.match(late.told.at(-1)!.text, /term 2 has written to it; this node was the controller of term 1/)
      await late.stop()
      await next.stop()
      await assertMirrors(place, source, { term: 2 })
    })

    at('writes nothing where the tables are not where the batch begins', async place => {
      const source = new Source()
      source.live(new History(8), 50)
      const store = await openStore(place)
      const begun = await store.claim(IDENTITY)
      const batch = nextBatch(source, begun, 0)
      assert.deepEqual(await store.write(IDENTITY, begun, batch, WRITING), batch.to)
      batch.release()
      const again = nextBatch(source, START, 0)
      const steps: unknown[] = []
      const told = (step: unknown) => void steps.push(step)
      const { version, recoveryEpoch, time } = await store.write(IDENTITY, START, again, { time: 8, told })
      assert.deepEqual(steps, [])
      again.release()
      assert.deepEqual(
        { version, recoveryEpoch, time },
        { version: source.image.version, recoveryEpoch: 0, time: source.image.time },
      )
      await assertMirrors(place, source)
    })

    at('is rolled back when its writer breaks off in the middle', async place => {
      const source = new Source()
      source.live(new History(9), 200)
      const store = await openStore(place)
      const begun = await store.claim(IDENTITY)
      const batch = nextBatch(source, begun, 0)
      const told = () => {
        throw new Error('that was enough')
      }
      await assert.rejects(store.write(IDENTITY, begun, batch, { time: 7, told }), /that was enough/)
      batch.release()
      assert.deepEqual((await contents(place)).brokers, [])
    })

    at('of another cluster is refused with both names, and left alone', async place => {
      const source = new Source()
      source.live(new History(10), 50)
      const first = new Watched(place.address, source).begin()
      await first.caughtUp()
      await first.stop()
      const other = new Source()
      other.live(new History(11), 50)
      const second = new Watched(place.address, other).begin({ clusterId: 'cluster-b', term: 9 })
      await second.heard('refused')
      await second.stop()
      assert.match(second.told.at(-1)!.text, /mirrors another cluster, cluster-a; this one is cluster-b/)
      await assertMirrors(place, source)
    })

    at(
      'is taken over by another cluster once mirror_state is emptied, without a trace of the first',
      async place => {
        const source = new Source()
        source.live(new History(12), 80)
        const first = new Watched(place.address, source).begin()
        await first.caughtUp()
        await first.stop()
        await place.run('DELETE FROM mirror_state')
        const other = new Source()
        other.live(new History(13), 40)
        const second = new Watched(place.address, other).begin({ clusterId: 'cluster-b' })
        await second.caughtUp()
        await second.stop()
        await assertMirrors(place, other, { clusterId: 'cluster-b' })
        const versions = (await historyOf(place)).map(({ version }) => version)
        assert.deepEqual(
          versions,
          other.accepted.map(({ version }) => version),
        )
      },
    )

    at(
      'of before a recovery is written anew; from then on who does not know of it is refused',
      async place => {
        const lost = new Source()
        lost.live(new History(14), 200)
        const before = new Watched(place.address, lost).begin({ term: 5 })
        await before.caughtUp()
        await before.stop()
        const kept = await historyOf(place)
        const source = new Source()
        source.live(new History(15), 60)
        assert.ok(source.image.version < lost.image.version, 'what was acknowledged last is lost')
        const after = new Watched(place.address, source).begin({ recoveryEpoch: 1, term: 6 })
        await after.caughtUp()
        await after.stop()
        await assertMirrors(place, source, { recoveryEpoch: 1, term: 6 })
        const rows = await historyOf(place)
        assert.deepEqual(
          rows.filter(row => row.recovery_epoch === 0),
          kept,
          'what was, was',
        )
        assert.equal(rows.filter(row => row.recovery_epoch === 1).length, source.accepted.length)
        const old = new Watched(place.address, lost).begin({ term: 7 })
        await old.heard('refused')
        await old.stop()
        assert.match(old.told.at(-1)!.text, /after recovery 1 of the cluster; this node knows of recovery 0/)
        await assertMirrors(place, source, { recoveryEpoch: 1, term: 6 })
      },
    )

    at('that is ahead of a cluster which was put back to an earlier state is refused', async place => {
      const source = new Source()
      source.live(new History(16), 100)
      const first = new Watched(place.address, source).begin()
      await first.caughtUp()
      await first.stop()
      const earlier = new Source()
      earlier.live(new History(16), 50)
      const second = new Watched(place.address, earlier).begin({ term: 2 })
      await second.heard('refused')
      await second.stop()
      assert.match(second.told.at(-1)!.text, /put back to an earlier state/)
      await assertMirrors(place, source, { term: 2 })
    })

    at('stores any text; what a database cannot store is replaced', async place => {
      const source = new Source()
      const rack = `a\u0000b\\u0000\ud800'"\u{1f600}\n`
      source.apply({ ...plainBroker(1, { rack }), time: 1 } as never)
      const watched = new Watched(place.address, source).begin()
      await watched.caughtUp()
      await watched.stop()
      const { brokers } = await contents(place)
      assert.equal(brokers[0]!.rack, `a\ufffdb\\u0000\ufffd'"\u{1f600}\n`)
    })

    at('knows how far it is behind', async place => {
      const source = new Source()
      source.live(new History(17), 50)
      const watched = new Watched(place.address, source)
      assert.equal(watched.mirror.lag(), null)
      watched.begin()
      assert.equal(watched.mirror.lag()!.connected, false)
      await watched.caughtUp()
      assert.deepEqual(watched.mirror.lag(), { versions: 0, ms: 0, connected: true })
      const { version } = source.image
      source.live(new History(18), 20)
      const { versions, ms } = watched.mirror.lag()!
      assert.deepEqual([versions, ms >= 0], [source.image.version - version, true])
      await watched.stop()
    })

    at('has its tables made by whoever comes first, and by both at once', async place => {
      const stores = [new MirrorStore(place.address), new MirrorStore(place.address)]
      await Promise.all(stores.map(store => store.prepare()))
      await Promise.all(stores.map(store => store.prepare()))
      for (const store of stores) await store.close()
      assert.deepEqual(await historyOf(place), [])
    })
  })
}

/** Three brokers, and 300 topics with replicas on all of them. */
function large(): Source {
  const source = new Source()
  for (const brokerId of [1, 2, 3]) source.apply({ ...brokerProcess(brokerId, 'x'), time: 1 } as never)
  for (const { brokerId, brokerEpoch } of source.image.brokers())
    source.apply({
      type: 'UpdateBrokerStatusCommand',
      time: 1,
      brokerId,
      brokerEpoch,
      status: 'ONLINE',
      reason: '',
    })
  for (let i = 0; i < 300; i++)
    source.apply({
      ...newTopic(
        `topic-${i}`,
        Array.from({ length: 6 }, () => [1, 2, 3]),
      ),
      time: 2,
    } as never)
  return source
}

test(
  'schemas of one PostgreSQL database are mirrors of their own',
  POSTGRES === undefined ? { skip: 'DMQ_TEST_POSTGRES names no database' } : {},
  async () => {
    const sources = [new Source(), new Source()]
    const places = [await postgresPlace(POSTGRES!), await postgresPlace(POSTGRES!)]
    for (const [i, source] of sources.entries()) {
      source.live(new History(20 + i), 60)
      const watched = new Watched(places[i]!.address, source).begin({ clusterId: `cluster-${i}` })
      await watched.caughtUp()
      await watched.stop()
    }
    for (const [i, source] of sources.entries()) {
      await assertMirrors(places[i]!, source, { clusterId: `cluster-${i}` })
      await places[i]!.close()
    }
    const gone = new Watched(places[0]!.address, sources[0]!).begin()
    await gone.heard('failed')
    await gone.stop()
    assert.match(gone.told[0]!.text, /no such schema: make the one that search_path names/)
  },
)
