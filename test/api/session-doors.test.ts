import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SessionDoors } from '../../src/api/session-doors.ts'
import { DmqError } from '../../src/base/errors.ts'
import { HeartbeatBody } from '../../src/protocol/rest/schemas.ts'
import { StorageHeartbeatBody } from '../../src/protocol/rest/sync-schemas.ts'

/** What comes on a session meets the same checks as over REST, and the same answers. */
const BODY = { brokerId: 101, timestamp: 1, metadataVersion: 2, brokerEpoch: 3 }

function doors(enter: (body: any) => unknown) {
  const doors = new SessionDoors()
  const bugs: unknown[] = []
  doors.configure({
    onBug: error => bugs.push(error),
    onProblem: problem => ({ ...problem, message: `${problem.message}, told` }),
  })
  doors.add('heartbeat', HeartbeatBody, enter)
  doors.add('storageHeartbeat', StorageHeartbeatBody, enter)
  return { doors, bugs }
}

test('a body that is right reaches the handler, whose answer is 200', async () => {
  const one = doors(async body => ({ heard: body.brokerId }))
  assert.deepEqual(await one.doors.answer('heartbeat', BODY, 101), { status: 200, body: { heard: 101 } })
})

test('a body that is not, an unknown name, and whoever speaks for another broker are refused', async () => {
  const one = doors(() => assert.fail('it was let in'))
  const refused = async (name: string, body: unknown, status: number, message: RegExp) => {
    const answer = await one.doors.answer(name, body, 101)
    assert.equal(answer.status, status)
    assert.match((answer.body as any).error.message, message)
  }
  for (const body of [null, 7, 'text', [], {}, { ...BODY, metadataVersion: '2' }])
    await refused('heartbeat', body, 400, /^body/)
  await refused('nothing', BODY, 404, /"nothing": no such request on a session/)
  await refused('heartbeat', { ...BODY, brokerId: 102 }, 400, /the session is of broker 101, brokerId is 102/)
  const storage = { serviceId: 102, metadataVersion: 1 }
  await refused('storageHeartbeat', storage, 400, /the session is of broker 101, serviceId is 102/)
  assert.deepEqual(one.bugs, [])
})

test('what a handler throws is answered like over REST; a bug shows nothing from inside', async () => {
  const known = doors(() => {
    throw new DmqError('STALE_BROKER_EPOCH', 'register again')
  })
  assert.deepEqual(await known.doors.answer('heartbeat', BODY, 101), {
    status: 409,
    body: { error: { code: 'STALE_BROKER_EPOCH', message: 'register again, told' } },
  })
  const bug = doors(() => {
    throw new TypeError('a secret of the inside')
  })
  const answer = await bug.doors.answer('heartbeat', BODY, 101)
  assert.equal(answer.status, 500)
  assert.doesNotMatch(JSON.stringify(answer.body), /secret/)
  assert.equal(bug.bugs.length, 1)
})
