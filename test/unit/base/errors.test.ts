import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { messageOf } from '../../../src/base/errors.ts'

test('of a host all of whose addresses refuse, each is named', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  const addresses = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ]
  const socket = connect({
    host: 'a-host',
    port,
    autoSelectFamily: true,
    lookup: (_, __, callback) => callback(null, addresses),
  })
  const [error] = await once(socket, 'error')
  assert.equal((error as Error).message, '')
  assert.match(messageOf(error), /^connect ECONNREFUSED 127\.0\.0\.1:\d+; connect E[A-Z]+ ::1:\d+/)
})
