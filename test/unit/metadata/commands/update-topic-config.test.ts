import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Intent, Machine } from '../machine.ts'

const MIN_ISR = 'min.insync.replicas'
const UNCLEAN = 'unclean.leader.election.enable'

function set(config: Readonly<Record<string, string | null>>, topicName = 't'): Intent {
  return { type: 'UpdateTopicConfigCommand', topicName, config }
}

function threeReplicas(config: Readonly<Record<string, string>> = {}): Machine {
  return new Machine().withBrokers(1, 2, 3).withTopic('t', [[1, 2, 3]], config)
}

test('keys are set in their one written form, others stay, and null returns a key to its default', () => {
  const machine = threeReplicas({ 'retention.ms': '1', 'segment.bytes': '100' })
  machine.accept({ ...set({ 'retention.ms': null, 'cleanup.policy': 'delete,compact' }), time: 66_000 })
  const { config, modifiedAt, createdAt } = machine.image.topic('t')!
  assert.deepEqual(config, { 'segment.bytes': '100', 'cleanup.policy': 'compact,delete' })
  assert.deepEqual([createdAt, modifiedAt], [4_000, 66_000])
})

test('what is set already, or unset already, changes nothing', () => {
  const machine = threeReplicas({ 'retention.ms': '1' })
  machine.ignore(set({}))
  machine.ignore(set({ 'retention.ms': ' 01 ' }))
  machine.ignore(set({ 'segment.bytes': null }))
})

test('a default that is written out is not the same as none: a later release may have another', () => {
  const machine = threeReplicas()
  machine.accept(set({ [MIN_ISR]: '1' }))
  machine.ignore(set({ [MIN_ISR]: '1' }))
  machine.accept(set({ [MIN_ISR]: null }))
})

describe('is rejected', () => {
  const machine = threeReplicas({ 'retention.ms': '1' })

  test('a topic that does not exist', () => {
    machine.refuse(set({}, 'nosuch'), 'UNKNOWN_TOPIC')
  })

  const cases: [string, Record<string, string | null>][] = [
    ['a key that is unknown', { nothing: '1' }],
    ['a key that is unknown, also when it is to be unset', { nothing: null }],
    ['a value that is not legal', { 'retention.ms': 'soon' }],
    ['a minimum of in-sync replicas that can never be met', { [MIN_ISR]: '4' }],
    ['all keys where one is wrong', { 'segment.bytes': '100', 'retention.ms': 'soon' }],
  ]
  for (const [what, config] of cases)
    test(what, () => {
      machine.refuse(set(config), 'INVALID_CONFIG')
    })
})

describe('a lower minimum of in-sync replicas', () => {
  function below(): Machine {
    const machine = threeReplicas({ [MIN_ISR]: '2' })
    machine.setStatus(3, 'OFFLINE')
    machine.setStatus(2, 'OFFLINE')
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [2], last: null })
    return machine
  }

  test('ends eligibility where the ISR reaches it: from now on records are committed without the others', () => {
    const machine = below()
    const before = machine.partition('t')
    machine.accept({ ...set({ [MIN_ISR]: '1' }), time: 66_000 })
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [], last: null })
    const { leaderEpoch, partitionEpoch, modifiedAt } = machine.partition('t')
    assert.deepEqual([leaderEpoch, partitionEpoch], [before.leaderEpoch, before.partitionEpoch + 1])
    assert.equal(modifiedAt, 66_000)
  })

  test('does the same as the default', () => {
    const machine = below()
    machine.accept(set({ [MIN_ISR]: null }))
    assert.deepEqual(machine.led('t').elr, [])
  })

  /** What it is about: broker 2 lacks what broker 1 committed alone. */
  test('lets no replica lead that missed what was committed since', () => {
    const machine = below()
    machine.accept(set({ [MIN_ISR]: '1' }))
    machine.setStatus(1, 'OFFLINE')
    machine.setStatus(2, 'ONLINE')
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [1], last: 1 })
  })

  test('leaves the eligible as they are while nobody is in sync', () => {
    const machine = below()
    machine.setStatus(1, 'OFFLINE')
    machine.accept(set({ [MIN_ISR]: '1' }))
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [1, 2], last: 1 })
  })
})

test('a higher minimum makes nobody eligible who left before', () => {
  const machine = threeReplicas()
  machine.setStatus(3, 'OFFLINE')
  machine.accept(set({ [MIN_ISR]: '3' }))
  assert.deepEqual(machine.led('t'), { leader: 1, isr: [1, 2], elr: [], last: null })
  machine.setStatus(2, 'OFFLINE')
  assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [2], last: null })
})

describe('the leave for unclean elections', () => {
  test('elects at once where there is no leader and an active replica, and only there', () => {
    const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [
      [1, 2],
      [2, 1],
      [1, 3],
    ])
    machine.setStatus(3, 'OFFLINE')
    machine.setStatus(2, 'OFFLINE')
    machine.setStatus(1, 'OFFLINE')
    machine.setStatus(2, 'ONLINE')
    assert.deepEqual(machine.led('t', 0), { leader: null, isr: [], elr: [1], last: 1 })
    const changes = machine.accept(set({ [UNCLEAN]: 'true' }))
    assert.equal(changes.length, 3, 'the topic and the partitions that broker 2 can lead')
    assert.deepEqual(machine.led('t', 0), { leader: 2, isr: [2], elr: [], last: null })
    assert.deepEqual(machine.led('t', 1), { leader: 2, isr: [2], elr: [], last: null })
    assert.deepEqual(machine.led('t', 2), { leader: null, isr: [], elr: [1], last: 1 })
  })

  test('taken back changes no leader', () => {
    const machine = threeReplicas({ [UNCLEAN]: 'true' })
    assert.equal(machine.accept(set({ [UNCLEAN]: 'false' })).length, 1)
  })
})

test('other keys touch no partition', () => {
  const machine = threeReplicas({ [MIN_ISR]: '2' })
  machine.setStatus(3, 'OFFLINE')
  machine.setStatus(2, 'OFFLINE')
  assert.equal(machine.accept(set({ 'retention.ms': '1' })).length, 1)
})
