import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StorageNode, type StorageNodeOptions } from '../../../src/broker/broker.ts'
import type { BrokerEvents } from '../../../src/broker/events.ts'
import { MetadataClient } from '../../../src/broker/metadata-client.ts'
import type { HttpClient, HttpRequest } from '../../../src/io/http-client.ts'
import { FakeClock } from '../consensus/fake-clock.ts'
import { MemoryDisk } from '../log/memory-disk.ts'
import { NODE_OPTIONS } from './node-options.ts'

const NOTHING = new Proxy({}, { get: () => () => {} }) as BrokerEvents

const TOO_MANY = 100

/** A metadata node that is the leader and not ready yet: it is named as the controller, and refuses all that one does. */
function unready(asked: HttpRequest[]): HttpClient {
  const send = async (request: HttpRequest) => {
    asked.push(request)
    // Who asks without a pause would go on for ever in no time at all.
    if (asked.length > TOO_MANY) return new Promise<never>(() => {})
    const body = request.url.endsWith('/controller')
      ? { controllerId: 1, url: 'http://m1:9091', term: 3 }
      : { error: { code: 'NOT_CONTROLLER', message: 'this node is not the controller' } }
    return { status: request.url.endsWith('/controller') ? 200 : 503, headers: {}, body }
  }
  return { send } as unknown as HttpClient
}

/** A controller that takes everything. */
function ready(asked: HttpRequest[]): HttpClient {
  const send = async (request: HttpRequest) => {
    asked.push(request)
    const { url } = request
    const heard = { brokerStatus: 'ONLINE', currentVersion: 0, instructions: [], expandIsr: [] }
    if (url.endsWith('/controller'))
      return { status: 200, headers: {}, body: { controllerId: 1, url: 'http://m1:9091', term: 3 } }
    return { status: 200, headers: {}, body: url.endsWith('/brokers') ? { brokerEpoch: 7 } : heard }
  }
  return { send } as unknown as HttpClient
}

function started(http: HttpClient, more: Partial<StorageNodeOptions> = {}): FakeClock {
  const clock = new FakeClock()
  const disk = new MemoryDisk()
  disk.makeFolder('/data')
  const node = new StorageNode(
    { ...NODE_OPTIONS, ...more },
    {
      client: new MetadataClient([{ id: 1, url: 'http://m1:9091' }], http),
      dialer: { dial: () => ({ close() {} }) },
      respond: async () => ({ status: 200, body: null }),
      disk,
      clock,
      events: NOTHING,
    },
  )
  node.start()
  return clock
}

test('a controller that is not ready is asked again after a pause, not at once', async () => {
  const asked: HttpRequest[] = []
  await started(unready(asked)).pass(1_000)
  const registrations = asked.filter(({ url }) => url.endsWith('/brokers')).length
  assert.ok(registrations >= 2 && registrations <= 6, `${registrations} tries in a second`)
})

test('what the node has goes with its registration, and with every heartbeat as it is by then', async () => {
  const asked: HttpRequest[] = []
  let diskBytesFree = 100
  const resources = () => ({ diskBytesTotal: 1_000, diskBytesFree: diskBytesFree-- })
  await started(ready(asked), { resources }).pass(2_000)
  const sent = (suffix: RegExp) =>
    asked
      .filter(({ method, url }) => method === 'POST' && suffix.test(url))
      .map(({ body }) => (JSON.parse(String(body)) as { resources: object }).resources)
  const [registered] = sent(/\/brokers$/)
  assert.deepEqual(registered, { diskBytesTotal: 1_000, diskBytesFree: 100 })
  const told = sent(/\/heartbeat\/101$/)
  assert.ok(told.length >= 2, `${told.length} heartbeats`)
  assert.deepEqual(
    told,
    told.map((_, i) => ({ diskBytesTotal: 1_000, diskBytesFree: 99 - i })),
  )
})
