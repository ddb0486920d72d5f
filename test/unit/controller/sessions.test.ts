import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import { Sessions } from '../../../src/controller/sessions.ts'

const TIMEOUT_MS = 6_000
const INTERVAL_MS = 200

/** A controller that checks its sessions at its interval, from time 0 on. */
class Reign {
  readonly sessions = new Sessions(TIMEOUT_MS, 0)
  now = 0
  readonly #brokerIds: readonly number[]

  constructor(...brokerIds: number[]) {
    this.#brokerIds = brokerIds
  }

  /** The brokers that each check up to `end` finds expired, with its time. */
  until(end: number, each: (now: number) => void = () => {}): [number, number[]][] {
    const found: [number, number[]][] = []
    while (this.now + INTERVAL_MS <= end) {
      this.now += INTERVAL_MS
      each(this.now)
      const expired = this.#check()
      if (expired.length > 0) found.push([this.now, expired])
    }
    return found
  }

  /** The process does nothing for so long; then the overdue check comes. */
  stall(durationMs: number): number[] {
    this.now += INTERVAL_MS + durationMs
    return this.#check()
  }

  #check(): number[] {
    return this.sessions.expired(this.#brokerIds, this.now, INTERVAL_MS)
  }
}

test('a broker that is heard in time stays', () => {
  const reign = new Reign(1, 2)
  const heard = (now: number) => {
    for (const brokerId of [1, 2]) if (now % 6_000 === 0) reign.sessions.heard(brokerId, now)
  }
  assert.deepEqual(reign.until(60_000, heard), [])
})

test('a broker that falls silent expires after the timeout, at the first check behind it', () => {
  const reign = new Reign(1, 2)
  const found = reign.until(8_000, now => {
    reign.sessions.heard(1, now)
    if (now <= 1_000) reign.sessions.heard(2, now)
  })
  assert.deepEqual(found[0], [7_200, [2]])
  assert.deepEqual(
    found.flatMap(([, brokerIds]) => brokerIds).filter(brokerId => brokerId !== 2),
    [],
  )
})

test('a broker whose last sign of life is exactly the timeout ago is live', () => {
  const sessions = new Sessions(TIMEOUT_MS, 0)
  sessions.heard(1, 100)
  assert.equal(sessions.isLive(1, 100 + TIMEOUT_MS), true)
  assert.equal(sessions.isLive(1, 101 + TIMEOUT_MS), false)
  assert.equal(sessions.isLive(2, 100), false)
})

test('a new controller gives every broker a full session from its first check', () => {
  const reign = new Reign(1, 2)
  assert.deepEqual(reign.until(INTERVAL_MS + TIMEOUT_MS), [])
  assert.deepEqual(reign.until(INTERVAL_MS + TIMEOUT_MS + INTERVAL_MS), [[6_400, [1, 2]]])
})

test('a broker that appears later gets a full session from then', () => {
  const sessions = new Sessions(TIMEOUT_MS, 0)
  const found: number[] = []
  for (let now = INTERVAL_MS; now <= 20_000; now += INTERVAL_MS) {
    const known = now < 10_000 ? [1] : [1, 2]
    sessions.heard(1, now)
    if (sessions.expired(known, now, INTERVAL_MS).includes(2)) found.push(now)
  }
  assert.equal(found[0], 16_200)
})

test('a pause of the controller fences nobody, however long it was', () => {
  for (const stallMs of [1_000, 6_000, 60_000, 86_400_000]) {
    const reign = new Reign(1, 2)
    reign.until(5_000, now => reign.sessions.heard(1, now))
    assert.deepEqual(reign.stall(stallMs), [], `${stallMs} ms`)
  }
})

test('after a pause every session has as much left as before it', () => {
  const reign = new Reign(1, 2)
  reign.until(5_000, now => reign.sessions.heard(1, now))
  const [heard1, heard2] = [5_000, 200]
  reign.stall(30_000)
  const found = reign.until(reign.now + 2 * TIMEOUT_MS)
  const first = (brokerId: number) => found.find(([, brokerIds]) => brokerIds.includes(brokerId))![0]
  assert.equal(first(2), heard2 + 30_000 + TIMEOUT_MS + INTERVAL_MS)
  assert.equal(first(1), heard1 + 30_000 + TIMEOUT_MS + INTERVAL_MS)
})

test('a sign of life that waited out the pause is not dated into the future', () => {
  const reign = new Reign(1)
  reign.until(1_000, now => reign.sessions.heard(1, now))
  // The requests that piled up are read before the timer fires.
  const woken = reign.now + INTERVAL_MS + 30_000
  reign.sessions.heard(1, woken)
  assert.deepEqual(reign.stall(30_000), [])
  assert.equal(reign.sessions.heardAgeMs(1, reign.now), 0)
  const found = reign.until(reign.now + 2 * TIMEOUT_MS)
  assert.equal(found[0]?.[0], woken + TIMEOUT_MS + INTERVAL_MS, 'one full session, not one and the pause')
})

test('a broker that was forgotten is unknown, and gets a full session when it is seen again', () => {
  const sessions = new Sessions(TIMEOUT_MS, 0)
  sessions.heard(1, 0)
  sessions.forget(1)
  assert.equal(sessions.heardAgeMs(1, 0), null)
  for (let now = INTERVAL_MS; now <= 10_000; now += INTERVAL_MS) sessions.expired([], now, INTERVAL_MS)
  assert.deepEqual(sessions.expired([1], 10_200, INTERVAL_MS), [])
})

test('in random runs with pauses who is heard stays, and who falls silent expires when its session is over', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const chance = new Chance(seed)
    const sessions = new Sessions(TIMEOUT_MS, 0)
    const silentFrom = chance.between(1_000, 60_000)
    let [now, lastHeard, pausedSince] = [0, 0, 0]
    let found: number[] = []
    while (!found.includes(2)) {
      // A pause shorter than the interval is no pause, but a little delay.
      const pauseMs = chance.happens(0.03) ? chance.between(500, 20_000) : 0
      now += INTERVAL_MS + pauseMs + chance.between(0, 20)
      pausedSince += pauseMs
      // What was sent meanwhile is read before the check or behind it.
      const checksFirst = chance.happens(0.5)
      if (checksFirst) found = sessions.expired([1, 2], now, INTERVAL_MS)
      sessions.heard(1, now)
      if (now < silentFrom) {
        sessions.heard(2, now)
        lastHeard = now
        pausedSince = 0
      }
      if (!checksFirst) found = sessions.expired([1, 2], now, INTERVAL_MS)
      assert(!found.includes(1), `seed ${seed}: broker 1 was heard, and expired at ${now}`)
      assert(now < lastHeard + pausedSince + TIMEOUT_MS + 3 * INTERVAL_MS, `seed ${seed}: broker 2 stays`)
    }
    // A delay on top of a pause counts as part of it.
    assert(now >= lastHeard + pausedSince + TIMEOUT_MS, `seed ${seed}: broker 2 expired early, at ${now}`)
  }
})
