import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Deferred, deferred } from '../../../src/base/deferred.ts'
import { GroupCommit } from '../../../src/log/group-commit.ts'
import type { Batch } from '../../../src/log/log.ts'
import { batch, record } from './model.ts'

/** Writes that end when the test says so. */
class Bench {
  readonly writes: (Batch & { readonly done: Deferred<void> })[] = []
  readonly done: string[] = []
  readonly commits: GroupCommit

  constructor(lastIndex = 0) {
    this.commits = new GroupCommit(lastIndex, one => {
      const done = deferred<void>()
      this.writes.push({ ...one, done })
      return done.promise
    })
  }

  /** Asks for a batch, and notes under `name` what became of it. */
  append(name: string, one: Batch, firstIndex = 1): Promise<void> {
    return this.#note(name, this.commits.append(one, firstIndex))
  }

  between(name: string, work: () => Promise<void> = async () => {}): Promise<void> {
    return this.#note(name, this.commits.between(work))
  }

  #note(name: string, promise: Promise<void>): Promise<void> {
    return promise.then(
      () => void this.done.push(name),
      (error: Error) => void this.done.push(`${name}: ${error.message}`),
    )
  }

  indexes(): number[][] {
    return this.writes.map(({ firstIndex, records }) => records.map((_, i) => firstIndex + i))
  }
}

test('an idle log is written to at once; what arrives meanwhile is one batch, written next', async () => {
  const bench = new Bench()
  const first = bench.append('first', batch(1, [record('a')]))
  assert.deepEqual(bench.indexes(), [[1]])
  const rest = [2, 3].map(index => bench.append(`${index}`, batch(index, [record('x')])))
  assert.deepEqual(bench.indexes(), [[1]])
  bench.writes[0]!.done.resolve()
  await first
  await Promise.resolve()
  assert.deepEqual([bench.indexes(), bench.done], [[[1], [2, 3]], ['first']])
  bench.writes[1]!.done.resolve()
  await Promise.all(rest)
  assert.deepEqual(bench.done, ['first', '2', '3'])
})

test('what goes between two writes waits for those that were asked before it, and holds up those after it', async () => {
  const bench = new Bench()
  const asked = [bench.append('1', batch(1, [record('a')]))]
  asked.push(bench.append('2', batch(2, [record('b')])))
  const gate = deferred<void>()
  let began = false
  const between = bench.between('between', () => {
    began = true
    return gate.promise
  })
  asked.push(bench.append('3', batch(3, [record('c')])))
  assert.deepEqual(bench.indexes(), [[1]])
  bench.writes[0]!.done.resolve()
  await asked[0]
  await Promise.resolve()
  assert.deepEqual([bench.indexes(), began], [[[1], [2, 3]], false], 'what waits is merged all the same')
  bench.writes[1]!.done.resolve()
  await Promise.all(asked)
  asked.push(bench.append('4', batch(4, [record('d')])))
  assert.deepEqual([bench.writes.length, began], [2, true])
  gate.resolve()
  await between
  await Promise.resolve()
  assert.deepEqual(bench.indexes().at(-1), [4])
  assert.deepEqual(bench.done, ['1', '2', '3', 'between'])
})

test('the first write that fails ends the log, for what waits and what comes', async () => {
  const bench = new Bench()
  const asked = [bench.append('1', batch(1, [record('a')])), bench.append('2', batch(2, [record('b')]))]
  asked.push(bench.between('between', () => assert.fail('nothing is done to a log that failed')))
  bench.writes[0]!.done.reject(new Error('EIO'))
  await Promise.all(asked)
  await bench.append('3', batch(3, [record('c')]))
  assert.deepEqual(bench.done, ['1: EIO', '2: EIO', 'between: EIO', '3: EIO'])
  assert.equal(bench.writes.length, 1)
  await bench.commits.close()
  await bench.append('4', batch(4, [record('d')]))
  assert.equal(bench.done.at(-1), '4: EIO', 'the first reason stays')
})

test('what fails between two writes is told, and ends nothing', async () => {
  const bench = new Bench()
  await bench.between('between', async () => {
    throw new Error('no such file')
  })
  const asked = bench.append('1', batch(1, [record('a')]))
  bench.writes[0]!.done.resolve()
  await asked
  assert.deepEqual(bench.done, ['between: no such file', '1'])
})

test('close waits for everything that was asked before, then accepts nothing', async () => {
  const bench = new Bench()
  const asked = [bench.append('1', batch(1, [record('a')])), bench.append('2', batch(2, [record('b')]))]
  const closed = bench.commits.close().then(() => void bench.done.push('closed'))
  bench.writes[0]!.done.resolve()
  await asked[0]
  await Promise.resolve()
  bench.writes[1]!.done.resolve()
  await closed
  await bench.append('3', batch(3, [record('c')]))
  assert.deepEqual(bench.done, ['1', '2', 'closed', '3: the log is closed'])
})

test('a batch that does not continue what was accepted is our own mistake', () => {
  const { commits } = new Bench(4)
  assert.throws(() => commits.append(batch(4, [record('x')]), 1), /record 4 follows 4/)
  assert.throws(() => commits.append(batch(0, [], { truncateFrom: 2 }), 3), /only what is there is void/)
  void commits.append(batch(5, [record('x'), record('y')]), 1)
  assert.throws(() => commits.append(batch(5, [record('x')]), 1), /record 5 follows 6/)
  void commits.append(batch(3, [record('x')], { truncateFrom: 3 }), 1)
  assert.throws(() => commits.append(batch(5, [record('x')]), 1), /record 5 follows 3/)
  void commits.append(batch(10, [record('x')], { resetTo: 9 }), 1)
  assert.throws(() => commits.append(batch(4, [record('x')]), 1), /record 4 follows 10/)
})
