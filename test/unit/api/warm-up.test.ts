import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Ajv } from 'ajv'
import { createApp } from '../../../src/api/app.ts'
import type { Context } from '../../../src/api/context.ts'
import { metadataApi } from '../../../src/api/metadata-api.ts'
import { RequestMeasures } from '../../../src/api/request-measures.ts'
import { SessionDoors } from '../../../src/api/session-doors.ts'
import { WarmUp } from '../../../src/api/warm-up.ts'

/** What is made between requests. */

type Waiting = { readonly delayMs: number; readonly run: () => void }

/** Timers fire when the test says so. */
class Timers {
  readonly waiting: Waiting[] = []

  timer(delayMs: number, run: () => void) {
    const entry = { delayMs, run }
    this.waiting.push(entry)
    return { cancel: () => void this.waiting.splice(this.waiting.indexOf(entry), 1) }
  }

  fire(): void {
    this.waiting.shift()!.run()
  }
}

function counting(names: readonly string[]) {
  const timers = new Timers()
  const warmUp = new WarmUp(timers)
  const made: string[] = []
  const gets = names.map(name =>
    warmUp.later(() => {
      made.push(name)
      if (name === 'broken') throw new Error('it cannot be made')
      return name
    }),
  )
  return { timers, warmUp, made, gets }
}

describe('a warm-up', () => {
  test('makes one piece in each pause, in order, and then rests', () => {
    const { timers, warmUp, made } = counting(['a', 'b', 'c'])
    assert.deepEqual([made, timers.waiting.length], [[], 0], 'nothing before it begins')
    warmUp.begin()
    assert.deepEqual(made, [])
    for (const expected of ['a', 'b', 'c']) {
      assert(timers.waiting[0]!.delayMs > 0)
      timers.fire()
      assert.equal(made.at(-1), expected)
    }
    assert.deepEqual([made.length, warmUp.left, timers.waiting.length], [3, 0, 0])
  })

  test('what is needed before its turn is made at once, and nothing is made twice', () => {
    const { timers, warmUp, made, gets } = counting(['a', 'b'])
    assert.equal(gets[1]!(), 'b')
    warmUp.begin()
    timers.fire()
    timers.fire()
    assert.deepEqual([gets[0]!(), gets[1]!(), made], ['a', 'b', ['b', 'a']])
  })

  test('what cannot be made is told to who needs it, and keeps nothing else from being made', () => {
    const { timers, warmUp, made, gets } = counting(['broken', 'b'])
    warmUp.begin()
    timers.fire()
    timers.fire()
    assert.deepEqual(made, ['broken', 'b'])
    assert.throws(() => gets[0]!(), /it cannot be made/)
  })

  test('ends when it is told to', () => {
    const { timers, warmUp, made } = counting(['a', 'b'])
    warmUp.begin()
    timers.fire()
    warmUp.end()
    assert.deepEqual([made, timers.waiting.length], [['a'], 0])
  })
})

test('a server makes its checks and serializers ready once it listens, and stops with it', async () => {
  const timers = new Timers()
  const app = await createApp({
    title: 'test',
    version: '1',
    metadataVersion: () => 0,
    requests: new RequestMeasures(),
    clock: timers,
    onBug: () => {},
  })
  const body = { type: 'object', properties: { text: { type: 'string' } }, additionalProperties: false }
  app.post('/echo', { schema: { body, response: { 200: body } } }, async request => request.body)
  await app.ready()
  assert.equal(timers.waiting.length, 0)
  await app.listen({ host: '127.0.0.1', port: 0 })
  assert.equal(timers.waiting.length, 1)
  timers.fire()
  assert.equal(timers.waiting.length, 1, 'the serializer comes after the check')
  const answer = await app.inject({ method: 'POST', url: '/echo', payload: { text: 'x' } })
  assert.deepEqual([answer.statusCode, answer.json()], [200, { text: 'x' }])
  const refused = await app.inject({ method: 'POST', url: '/echo', payload: { more: 1 } })
  assert.equal(refused.statusCode, 400)
  await app.close()
  assert.equal(timers.waiting.length, 0)
})

test('every schema of the metadata API is a valid schema: the check at the door takes that for granted', async () => {
  const ajv = new Ajv()
  let count = 0
  const requests = new RequestMeasures()
  const { watch } = requests
  requests.watch = app => {
    watch.call(requests, app)
    app.addHook('onRoute', ({ method, url, schema = {} }) => {
      const { body, params, querystring, response = {} } = schema as Record<string, object | undefined>
      for (const part of [body, params, querystring, ...Object.values(response)]) {
        if (part === undefined) continue
        count += 1
        assert(ajv.validateSchema(part), `${method} ${url}: ${ajv.errorsText()}`)
      }
    })
  }
  const context = { doors: new SessionDoors(), replica: { image: { version: 0 } } } as unknown as Context
  const app = await metadataApi(context, {
    version: '1',
    readiness: () => ({ ready: true, reasons: [] }),
    requests,
    scrape: { contentType: '', render: async () => '' } as never,
    onBug: () => {},
  })
  await app.close()
  assert(count > 50, `${count} schemas`)
})
