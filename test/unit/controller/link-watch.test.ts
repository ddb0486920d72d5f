import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Deferred, deferred } from '../../../src/base/deferred.ts'
import { type BrokerLink, BrokerLinks, type LinkAnswer } from '../../../src/controller/broker-links.ts'
import { LinkWatch } from '../../../src/controller/link-watch.ts'
import { FakeClock, settle } from '../consensus/fake-clock.ts'

const SESSION_MS = 6_000
const INTERVAL_MS = 2_000

/** A link whose other side answers when the test says so; who asked, for how long, and why it was closed. */
class Line implements BrokerLink {
  readonly brokerId: number
  readonly brokerEpoch = 7
  readonly asked: string[] = []
  readonly closed: string[] = []
  #answer: Deferred<LinkAnswer> | null = null

  constructor(brokerId: number) {
    this.brokerId = brokerId
  }

  request(name: string, body: string, timeoutMs: number): Promise<LinkAnswer> {
    this.asked.push(`${name} ${body} ${timeoutMs}`)
    this.#answer = deferred<LinkAnswer>()
    return this.#answer.promise
  }

  async answer(status: number): Promise<void> {
    this.#answer!.resolve({ status, body: null })
    await settle()
  }

  async silence(): Promise<void> {
    this.#answer!.reject(new Error('no answer in 2000 ms'))
    await settle()
  }

  close(reason: string): void {
    this.closed.push(reason)
  }
}

function watched() {
  const clock = new FakeClock()
  const links = new BrokerLinks()
  const lost: string[] = []
  links.onLost((brokerId, epoch, reason) => lost.push(`${brokerId} ${epoch}: ${reason}`))
  const watch = new LinkWatch(SESSION_MS, { clock, links })
  const [one, two] = [new Line(1), new Line(2)]
  links.opened(one)
  links.opened(two)
  return { clock, links, lost, watch, one, two }
}

test('who speaks is asked nothing', async () => {
  const { clock, links, one, two } = watched()
  for (let i = 0; i < 10; i++) {
    links.heard(one)
    await clock.pass(INTERVAL_MS)
  }
  assert.deepEqual(one.asked, [])
  assert.equal(two.asked.length, 1, 'and nobody twice at the same time')
})

test('a link that is silent is asked, and stays when it answers, whatever it says', async () => {
  const { clock, links, lost, one } = watched()
  await clock.pass(2 * INTERVAL_MS)
  assert.deepEqual(one.asked, [`ping {} ${INTERVAL_MS}`])
  await one.answer(404)
  assert.ok(links.has(1) && lost.length === 0)
  await clock.pass(2 * INTERVAL_MS)
  assert.equal(one.asked.length, 2, 'and is asked again when it goes on to be silent')
})

test('without an answer it is lost, once, and closed; the others are not', async () => {
  const { clock, links, lost, one, two } = watched()
  await clock.pass(2 * INTERVAL_MS)
  await two.answer(200)
  await one.silence()
  const reason = 'it gives no sign of life (no answer in 2000 ms)'
  assert.deepEqual([lost, one.closed, two.closed], [[`1 7: ${reason}`], [reason], []])
  assert.deepEqual([links.has(1), links.has(2)], [false, true])
  links.closed(one, 'its socket is closed')
  await clock.pass(10 * INTERVAL_MS)
  assert.deepEqual([lost.length, one.asked.length], [1, 1])
})

test('a session that took its place has nothing to do with it', async () => {
  const { clock, links, lost, one } = watched()
  await clock.pass(2 * INTERVAL_MS)
  const again = new Line(1)
  links.opened(again)
  await one.silence()
  assert.deepEqual([lost, again.closed, links.has(1)], [[], [], true])
})

test('after a pause of this node itself everybody is asked before anybody is given up', async () => {
  const { clock, lost, one, two } = watched()
  clock.now += 60_000
  await clock.pass(0)
  await clock.pass(INTERVAL_MS)
  assert.deepEqual([one.asked.length, two.asked.length, lost], [1, 1, []])
})

test('it ends with the leadership', async () => {
  const { clock, watch, one } = watched()
  watch.end()
  await clock.pass(10 * INTERVAL_MS)
  assert.deepEqual(one.asked, [])
})
