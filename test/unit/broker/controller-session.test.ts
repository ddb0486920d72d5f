import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ControllerSession } from '../../../src/broker/controller-session.ts'
import type { MetadataClient } from '../../../src/broker/metadata-client.ts'
import type { Hello, Session, SessionAnswer, SessionEvents } from '../../../src/io/session.ts'
import { FakeClock } from '../consensus/fake-clock.ts'

type Dialled = { url: string; hello: Hello; events: SessionEvents; closedWith: string | null }

/** A way to controllers that a test opens and closes at its will. */
class Way {
  readonly clock = new FakeClock()
  readonly dialled: Dialled[] = []
  readonly asked: string[] = []
  readonly lost: string[] = []
  readonly refused: string[] = []
  answer: SessionAnswer = { status: 200, body: 'on the session' }
  readonly session: ControllerSession

  constructor() {
    const send = async ({ url }: { url: string }) => {
      this.asked.push(`REST ${url}`)
      return { status: 200, headers: {}, body: 'by REST' }
    }
    this.session = new ControllerSession({
      dialer: { dial: (url, hello, events) => this.#dial(url, hello, events) },
      client: { nodes: [], send } as unknown as MetadataClient,
      clock: this.clock,
      respond: async () => ({ status: 200, body: null }),
      lost: reason => this.lost.push(reason),
      refused: (url, reason) => this.refused.push(`${url}: ${reason}`),
    })
  }

  #dial(url: string, hello: Hello, events: SessionEvents) {
    const dialled: Dialled = { url, hello, events, closedWith: null }
    this.dialled.push(dialled)
    return {
      close: (reason: string) => {
        dialled.closedWith = reason
        events.closed(reason, false)
      },
    }
  }

  follow(url = 'http://m1', brokerEpoch = 7): void {
    this.session.follow(url, { brokerId: 101, brokerEpoch, incarnationId: 'process 1' })
  }

  open(): void {
    const request: Session['request'] = async name => {
      this.asked.push(`session ${name}`)
      return this.answer
    }
    this.dialled.at(-1)!.events.opened({ request, close() {} })
  }

  async post(url = 'http://m1', body: object = {}): Promise<unknown> {
    const request = { name: 'heartbeat', path: '/heartbeat', body, timeoutMs: 100 }
    return (await this.session.post(url, request)).body
  }
}

test('a request goes on the session while it is open and with that controller, else by REST', async () => {
  const way = new Way()
  assert.equal(await way.post(), 'by REST')
  way.follow()
  assert.equal(await way.post(), 'by REST')
  way.open()
  assert.equal(way.session.isOpen, true)
  assert.equal(await way.post(), 'on the session')
  assert.equal(await way.post('http://m2'), 'by REST')
  way.dialled[0]!.events.closed('reset', false)
  assert.equal(await way.post(), 'by REST')
  assert.deepEqual(way.asked, [
    'REST http://m1/heartbeat',
    'REST http://m1/heartbeat',
    'session heartbeat',
    'REST http://m2/heartbeat',
    'REST http://m1/heartbeat',
  ])
})

test('what a controller of an older release does not know on a session, and what is too long, goes by REST', async () => {
  const way = new Way()
  way.follow()
  way.open()
  way.answer = { status: 404, body: { error: { code: 'NOT_FOUND', message: 'no such request' } } }
  assert.equal(await way.post(), 'by REST')
  way.answer = { status: 404, body: { error: { code: 'UNKNOWN_BROKER', message: 'not registered' } } }
  assert.deepEqual(await way.post(), way.answer.body)
  assert.equal(await way.post('http://m1', { long: 'x'.repeat(1024 * 1024) }), 'by REST')
})

test('there is one session, with the controller and the registration that are followed last', () => {
  const way = new Way()
  way.follow()
  way.open()
  way.follow()
  assert.equal(way.dialled.length, 1)
  way.follow('http://m2')
  assert.match(way.dialled[0]!.closedWith!, /follows another controller/)
  way.open()
  way.follow('http://m2', 8)
  assert.deepEqual(
    way.dialled.map(({ url, hello }) => [url, hello.brokerEpoch]),
    [
      ['http://m1', 7],
      ['http://m2', 7],
      ['http://m2', 8],
    ],
  )
  way.dialled[1]!.events.closed('late', false)
  assert.deepEqual(way.lost, [], 'what this side ended is not lost')
})

test('an open session that is gone is told, and dialled again at once; one that was refused, ever later', async () => {
  const way = new Way()
  way.follow()
  way.open()
  way.dialled[0]!.events.closed('reset', false)
  assert.deepEqual(way.lost, ['reset'])
  const dialledAt: number[] = []
  for (let i = 0; i < 200; i++) {
    const before = way.dialled.length
    way.follow()
    if (way.dialled.length > before) {
      dialledAt.push(way.clock.now)
      way.dialled.at(-1)!.events.closed('refused with status 404', false)
    }
    await way.clock.pass(200)
  }
  assert.deepEqual(dialledAt.slice(0, 5), [0, 400, 1_200, 2_800, 6_000])
  const pauses = dialledAt.slice(1).map((at, i) => at - dialledAt[i]!)
  assert.equal(Math.max(...pauses), 10_000)
  assert.deepEqual(way.lost, ['reset'])
  assert.deepEqual(way.refused, ['http://m1: refused with status 404'], 'told once')
})
