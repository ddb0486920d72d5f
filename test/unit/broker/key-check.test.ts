import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StorageNode } from '../../../src/broker/broker.ts'
import type { BrokerEvents } from '../../../src/broker/events.ts'
import { MetadataClient } from '../../../src/broker/metadata-client.ts'
import type { HttpClient, HttpRequest } from '../../../src/io/http-client.ts'
import type { DialEvents, Hello, KeyFinding } from '../../../src/io/session.ts'
import { FakeClock } from '../consensus/fake-clock.ts'
import { MemoryDisk } from '../log/memory-disk.ts'
import { NODE_OPTIONS } from './node-options.ts'

const CONTROLLER = 'http://m1:9091'

/** A storage node, and a controller that takes everything by REST, and answers dials as a test says. */
class Scene {
  readonly clock = new FakeClock()
  readonly asked: string[] = []
  readonly told: string[] = []
  readonly compared: Hello[] = []
  readonly node: StorageNode
  /** Of a dial before the registration, and of the session itself. */
  compares: KeyFinding | null = null
  dials: KeyFinding | null = null
  #dialled: DialEvents | null = null

  constructor() {
    const disk = new MemoryDisk()
    disk.makeFolder('/data')
    this.node = new StorageNode(NODE_OPTIONS, {
      client: new MetadataClient([{ id: 1, url: CONTROLLER }], this.#http()),
      dialer: {
        dial: (_url, _hello, events) => this.#dial(events),
        compareKeys: async (_url, hello) => {
          this.compared.push(hello)
          return this.compares
        },
      },
      respond: async () => ({ status: 200, body: null }),
      disk,
      clock: this.clock,
      events: this.#events(),
    })
    this.node.start()
  }

  #dial(events: DialEvents) {
    this.#dialled = events
    if (this.dials !== null)
      queueMicrotask(() => {
        events.keyShown?.(this.dials!)
        events.closed('refused', false)
      })
    return { close() {} }
  }

  /** The session that is dialled now is answered. */
  answer(finding: KeyFinding): void {
    this.#dialled!.keyShown?.(finding)
    this.#dialled!.closed('refused', false)
  }

  #http(): HttpClient {
    const send = async ({ url }: HttpRequest) => {
      const path = url.slice(CONTROLLER.length).replace('/api/v1/metadata/', '')
      if (path !== 'controller') this.asked.push(path)
      const heard = { brokerStatus: 'ONLINE', currentVersion: 0, instructions: [], expandIsr: [] }
      const known = { controllerId: 1, url: CONTROLLER, term: 3 }
      const body = path === 'controller' ? known : path === 'brokers' ? { brokerEpoch: 7 } : heard
      return { status: 200, headers: {}, body }
    }
    return { send } as unknown as HttpClient
  }

  #events(): BrokerEvents {
    const told = {
      keyOther: ({ takesPart }: { takesPart: boolean }) => this.told.push(`other, takes part: ${takesPart}`),
      keySame: () => this.told.push('same'),
    }
    const get = (_: object, name: string) => told[name as keyof typeof told] ?? (() => {})
    return new Proxy({}, { get }) as BrokerEvents
  }

  count(path: string): number {
    return this.asked.filter(each => each === path).length
  }
}

test('a node with another key registers nothing, is not ready, and tells it once', async () => {
  const scene = new Scene()
  scene.compares = 'other'
  await scene.clock.pass(20_000)
  assert.deepEqual(scene.asked, [])
  assert.deepEqual(scene.told, ['other, takes part: false'])
  const { ready, reasons } = scene.node.readiness()
  assert.equal(ready, false)
  assert.match(reasons[0]!, /http:\/\/m1:9091 has another cluster key: give this node the cluster key file/)
  assert.deepEqual(scene.compared[0], { brokerId: 101, incarnationId: 'one', brokerEpoch: 0 })
  assert.ok(scene.compared.length >= 5 && scene.compared.length <= 11, `${scene.compared.length} times`)
})

test('it takes part as soon as the controller has its key', async () => {
  const scene = new Scene()
  scene.compares = 'other'
  await scene.clock.pass(5_000)
  scene.compares = 'same'
  await scene.clock.pass(5_000)
  assert.equal(scene.count('brokers'), 1)
  assert.deepEqual(scene.told, ['other, takes part: false', 'same'])
  assert.deepEqual(scene.node.readiness(), { ready: true, reasons: [] })
})

test('a controller that is silent for a while has not shown another key, nor the same', async () => {
  const scene = new Scene()
  scene.compares = 'other'
  await scene.clock.pass(5_000)
  scene.compares = null
  await scene.clock.pass(5_000)
  assert.deepEqual([scene.asked, scene.told.length, scene.node.readiness().ready], [[], 1, false])
})

for (const shown of ['unproven', null] as const)
  test(`where the key is not shown (${shown}), and no session is to be had, the node works by REST`, async () => {
    const scene = new Scene()
    scene.compares = shown
    scene.dials = shown
    await scene.clock.pass(5_000)
    assert.equal(scene.count('brokers'), 1)
    assert.ok(scene.count('heartbeat/101') >= 4)
    assert.deepEqual([scene.told, scene.node.readiness().ready], [[], true])
    assert.equal(scene.compared.length, 1)
  })

test('a controller that shows its key only when the session is opened: the node says nothing more to it', async () => {
  const scene = new Scene()
  scene.compares = 'unproven'
  await scene.clock.pass(100)
  assert.equal(scene.node.readiness().ready, true)
  scene.compares = 'other'
  scene.answer('other')
  const before = scene.asked.length
  await scene.clock.pass(10_000)
  assert.deepEqual([scene.asked.length, scene.told], [before, ['other, takes part: false']])
  assert.equal(scene.node.readiness().ready, false)
  assert.equal(scene.compared.at(-1)!.brokerEpoch, 7, 'as it is registered')
})

test('a node that had the key of its controller goes on by REST when that one comes back with another', async () => {
  const scene = new Scene()
  scene.compares = 'same'
  await scene.clock.pass(1_000)
  scene.answer('other')
  const before = scene.count('heartbeat/101')
  await scene.clock.pass(5_000)
  assert.ok(scene.count('heartbeat/101') >= before + 4)
  assert.deepEqual(scene.told, ['other, takes part: true'])
  const { ready, reasons } = scene.node.readiness()
  assert.deepEqual([ready, reasons.length], [false, 1])
})
