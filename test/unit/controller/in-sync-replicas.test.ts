import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { InSyncReplicas, type IsrReport } from '../../../src/controller/in-sync-replicas.ts'
import { Stage, WRITE } from './stage.ts'

/** Partition t-0 on brokers 1, 2 and 3, led by 1; broker 3 has fallen out of the ISR. */
async function staged(config: Record<string, string> = {}) {
  const stage = await (await new Stage().withBrokers(1, 2, 3)).withTopic('t', [[1, 2, 3]], config)
  const isrs = new InSyncReplicas(stage)
  const report = (nodeId: number, ...reports: Partial<IsrReport>[]) =>
    reportAt(stage.replica.image.version, nodeId, ...reports)
  const reportAt = (metadataVersion: number, nodeId: number, ...reports: Partial<IsrReport>[]) =>
    isrs.report(
      nodeId,
      { brokerEpoch: stage.epoch(nodeId), metadataVersion },
      reports.map(one => ({
        topic: 't',
        partition: 0,
        brokerId: 3,
        updateType: 'LAG_THRESHOLD_BREACHED',
        ...one,
      })),
      WRITE,
    )
  await report(1, {})
  assert.deepEqual(stage.partition('t').isr, [1, 2])
  const epochs = () => {
    const { leaderEpoch, partitionEpoch } = stage.partition('t')
    return { leaderEpoch, partitionEpoch }
  }
  return { stage, isrs, report, reportAt, epochs }
}

const RECOVERED = { updateType: 'LAG_THRESHOLD_RECOVERED' } as const

describe('a replica that lags', () => {
  test('is removed on the word of anyone, itself included', async () => {
    for (const sender of [1, 2, 3]) {
      const { stage, report } = await staged()
      const [result] = await report(sender, { brokerId: 2 })
      assert.deepEqual([result!.outcome, stage.partition('t').isr], ['APPLIED', [1]])
    }
  })

  test('that leads is not: somebody else must lead first', async () => {
    const { stage, report } = await staged()
    const [result] = await report(2, { brokerId: 1 })
    assert.deepEqual([result!.outcome, result!.code], ['REFUSED', 'INVALID_REQUEST'])
    assert.deepEqual(stage.partition('t').isr, [1, 2])
  })

  test('of an earlier leadership is not: that says nothing about this one', async () => {
    const { report, epochs } = await staged()
    const [result] = await report(1, { brokerId: 2, leaderEpoch: epochs().leaderEpoch - 1 })
    assert.deepEqual([result!.outcome, result!.code], ['REFUSED', 'FENCED_LEADER_EPOCH'])
  })

  test('and leaves less than the minimum stays eligible', async () => {
    const { stage, report } = await staged({ 'min.insync.replicas': '2' })
    await report(1, { brokerId: 2 })
    assert.deepEqual([stage.partition('t').isr, stage.partition('t').elr], [[1], [2]])
  })
})

describe('a replica that caught up', () => {
  test('is taken in by the leader, with all its epochs', async () => {
    const { stage, report, epochs } = await staged()
    const [result] = await report(1, { ...RECOVERED, ...epochs() })
    assert.deepEqual([result!.outcome, stage.partition('t').isr], ['APPLIED', [1, 2, 3]])
  })

  test('and is reported by anybody else is passed to the leader, once', async () => {
    const { stage, isrs, report, epochs } = await staged()
    const [result] = await report(3, { ...RECOVERED, ...epochs() })
    assert.deepEqual([result!.outcome, stage.partition('t').isr], ['PASSED_TO_LEADER', [1, 2]])
    assert.deepEqual(isrs.hintsFor(2), [])
    assert.deepEqual(isrs.hintsFor(1), [{ topic: 't', partition: 0, brokerId: 3 }])
    assert.deepEqual(isrs.hintsFor(1), [])
  })

  test('by the word of the leader without its epochs is a hint for it as well', async () => {
    const { report } = await staged()
    assert.equal((await report(1, RECOVERED))[0]!.outcome, 'PASSED_TO_LEADER')
  })

  test('a hint that is out of date by then is not told', async () => {
    const { isrs, report, epochs } = await staged()
    await report(3, RECOVERED)
    await report(1, { ...RECOVERED, ...epochs() })
    assert.deepEqual(isrs.hintsFor(1), [])
  })

  test('a hint says nothing of another process of the broker', async () => {
    const { stage, isrs, report } = await staged()
    await report(3, RECOVERED)
    await stage.beat(3, { wantFence: true })
    await stage.register(3, 'another process')
    await stage.beat(3)
    assert.deepEqual([stage.status(3), isrs.hintsFor(1)], ['ONLINE', []])
  })

  test('a hint says nothing of another topic that has the name now', async () => {
    const { stage, isrs, report } = await staged()
    await report(3, RECOVERED)
    await stage.proposer.propose({ type: 'DeleteTopicCommand', topicName: 't' })
    await stage.beat(3, { wantFence: true })
    const assignments = [[1, 2, 3]]
    const again = { topicName: 't', topicId: 'of another', assignments, config: {} }
    await stage.proposer.propose({ type: 'CreateTopicCommand', ...again })
    await stage.beat(3)
    assert.deepEqual([stage.partition('t').isr, stage.partition('t').leader], [[1, 2], 1])
    assert.deepEqual(isrs.hintsFor(1), [])
  })

  test('comes back at half the lag that put it out: it shall not flap', async () => {
    const { stage, report, epochs } = await staged()
    const [held] = await report(1, { ...RECOVERED, ...epochs(), lagThreshold: 100, currentLag: 51 })
    assert.deepEqual([held!.outcome, stage.partition('t').isr], ['HELD', [1, 2]])
    const [taken] = await report(1, { ...RECOVERED, ...epochs(), lagThreshold: 100, currentLag: 50 })
    assert.deepEqual([taken!.outcome, stage.partition('t').isr], ['APPLIED', [1, 2, 3]])
  })

  test('is refused while its broker is not ONLINE', async () => {
    const { stage, report, epochs } = await staged()
    await stage.beat(3, { wantFence: true })
    const [result] = await report(1, { ...RECOVERED, ...epochs() })
    assert.deepEqual([result!.outcome, result!.code], ['REFUSED', 'INELIGIBLE_REPLICA'])
  })
})

test('a process that the leader did not know of is not the one that it saw catch up', async () => {
  const { stage, report, reportAt, epochs } = await staged()
  const { version } = stage.replica.image
  const seen = epochs()
  stage.found.set(3, 'refused')
  await stage.register(3, 'process 3 again')
  await stage.beat(3)
  assert.deepEqual(epochs(), seen)
  const [late] = await reportAt(version, 1, { ...RECOVERED, ...seen })
  assert.deepEqual([late!.outcome, late!.code], ['REFUSED', 'INELIGIBLE_REPLICA'])
  const [again] = await report(1, { ...RECOVERED, ...seen })
  assert.deepEqual([again!.outcome, stage.partition('t').isr], ['APPLIED', [1, 2, 3]])
})

test('two replicas of one partition are reported in one batch', async () => {
  const { stage, isrs } = await staged()
  await stage.withTopic('u', [[1, 2, 3]])
  const before = stage.log.length
  const reports = [2, 3].map(brokerId => ({
    topic: 'u',
    partition: 0,
    brokerId,
    updateType: 'LAG_THRESHOLD_BREACHED' as const,
  }))
  const sender = { brokerEpoch: stage.epoch(1), metadataVersion: stage.replica.image.version }
  const write = { ...WRITE, idempotency: { key: 'a key', request: 'a request' } }
  const results = await isrs.report(1, sender, reports, write)
  assert.deepEqual(
    [results, stage.partition('u').isr],
    [[{ outcome: 'APPLIED' }, { outcome: 'APPLIED' }], [1]],
  )
  assert.deepEqual(stage.log.slice(before), ['UpdateISRCommand', 'UpdateISRCommand'])
})

test('a batch is one command, with a result for each of its parts', async () => {
  const { stage, report, epochs } = await staged()
  const before = stage.log.length
  const results = await report(
    1,
    { brokerId: 2 },
    { topic: 'nosuch' },
    { brokerId: 9 },
    { updateType: 'PARTITION_BECAME_LEADER', brokerId: 1 },
    { updateType: 'PARTITION_BECAME_FOLLOWER', brokerId: 2, leaderEpoch: epochs().leaderEpoch },
    { updateType: 'PARTITION_BECAME_LEADER', brokerId: 2 },
  )
  assert.deepEqual(stage.log.slice(before), ['UpdateISRCommand'])
  assert.deepEqual(
    results.map(({ outcome, code }) => code ?? outcome),
    ['APPLIED', 'UNKNOWN_TOPIC', 'INVALID_REQUEST', 'AGREES', 'AGREES', 'FENCED_LEADER_EPOCH'],
  )
})

test('membership that is reported as it is changes nothing; as it is not, it is a breach or a recovery', async () => {
  const { stage, report, epochs } = await staged()
  const membership = (brokerId: number, isInIsr: boolean) =>
    report(1, { updateType: 'ISR_MEMBERSHIP_CHANGED', brokerId, isInIsr, ...epochs() })
  const { version } = stage.replica.image
  await membership(2, true)
  await membership(3, false)
  assert.equal(stage.replica.image.version, version)
  await membership(2, false)
  assert.deepEqual(stage.partition('t').isr, [1])
  await membership(3, true)
  assert.deepEqual(stage.partition('t').isr, [1, 3])
})

test('a batch with a key is taken once: in a repeat only what is as reported has been applied', async () => {
  const { stage, isrs, epochs } = await staged()
  await stage.withTopic('u', [[1, 2, 3]])
  const write = { ...WRITE, idempotency: { key: 'k', request: 'a batch' } }
  const breached = { partition: 0, brokerId: 2, updateType: 'LAG_THRESHOLD_BREACHED' } as const
  const send = async () => {
    const sender = { brokerEpoch: stage.epoch(1), metadataVersion: stage.replica.image.version }
    const reports = [
      { ...breached, topic: 't' },
      { ...breached, topic: 'u' },
    ]
    return (await isrs.report(1, sender, reports, write)).map(({ outcome, code }) => code ?? outcome)
  }
  assert.deepEqual(await send(), ['APPLIED', 'APPLIED'])
  await stage.proposer.propose(stage.isrIs('u', [1, 2, 3]))
  const before = epochs()
  assert.deepEqual(await send(), ['APPLIED', 'INVALID_UPDATE_VERSION'])
  assert.deepEqual([stage.partition('u').isr, epochs()], [[1, 2, 3], before])
})
