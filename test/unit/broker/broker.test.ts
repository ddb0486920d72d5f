import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StorageNode } from '../../../src/broker/broker.ts'
import type { BrokerEvents } from '../../../src/broker/events.ts'
import { MetadataClient } from '../../../src/broker/metadata-client.ts'
import type { HttpClient, HttpRequest } from '../../../src/io/http-client.ts'
import { FakeClock } from '../consensus/fake-clock.ts'
import { MemoryDisk } from '../log/memory-disk.ts'

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

test('a controller that is not ready is asked again after a pause, not at once', async () => {
  const clock = new FakeClock()
  const disk = new MemoryDisk()
  disk.makeFolder('/data')
  const asked: HttpRequest[] = []
  const node = new StorageNode(
    {
      brokerId: 101,
      host: 'localhost',
      port: 8081,
      rack: null,
      incarnationId: 'one',
      previousBrokerEpoch: null,
      pairedMetadataServiceId: null,
      heartbeatIntervalMs: 1_000,
      folder: '/data',
    },
    {
      client: new MetadataClient([{ id: 1, url: 'http://m1:9091' }], unready(asked)),
      dialer: { dial: () => ({ close() {} }) },
      respond: async () => ({ status: 200, body: null }),
      disk,
      clock,
      events: NOTHING,
    },
  )
  node.start()
  await clock.pass(1_000)
  const registrations = asked.filter(({ url }) => url.endsWith('/brokers')).length
  assert.ok(registrations >= 2 && registrations <= 6, `${registrations} tries in a second`)
})
