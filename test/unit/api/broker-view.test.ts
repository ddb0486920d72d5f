import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from '../../../src/api/context.ts'
import { brokerView } from '../../../src/api/metadata/broker-view.ts'
import { SESSION_MS, Stage } from '../controller/stage.ts'

/** At the controller, and at a node that is none. */
function views(stage: Stage, brokerId: number) {
  const { replica, clock, brokers, resourcesOf } = stage
  return [{ brokers }, null].map(reignOrNull => {
    const context = { replica, clock, controller: { reignOrNull, resourcesOf } } as unknown as Context
    const { status, statusReason, statusSince } = brokerView(context, replica.image.broker(brokerId)!)
    return { status, statusReason, statusSince }
  })
}

test('the reason and the time of UNREACHABLE are its own; who is not the controller knows nothing of it', async () => {
  const stage = await new Stage().withBrokers(1)
  const image = { status: 'ONLINE', statusReason: 'heartbeats arrive', statusSince: stage.clock.epoch() }
  assert.deepEqual(views(stage, 1), [image, image])
  await stage.pass(SESSION_MS / 2 + 1_000)
  assert.deepEqual(views(stage, 1), [
    {
      status: 'UNREACHABLE',
      statusReason: 'no heartbeat for 4000 ms; OFFLINE in 2000 ms if none comes',
      statusSince: stage.clock.epoch() - 1_000,
    },
    image,
  ])
  await stage.beat(1)
  assert.deepEqual(views(stage, 1), [image, image])
})
