import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remedied } from '../../../src/base/errors.ts'
import { inOurWords } from '../../../src/cli/remedies.ts'
import type { Intent, Machine } from '../metadata/machine.ts'
import { Machine as World } from '../metadata/machine.ts'

/** As it comes over REST from a machine that refused it. */
function told(machine: Machine, intent: object, code: Parameters<Machine['refuse']>[1]) {
  const { message, details } = machine.refuse(intent as Intent, code)
  return inOurWords({ code, message, ...(details === undefined ? {} : { details }) })
}

const REMOVE = { type: 'UnregisterBrokerCommand', brokerId: 1, force: false } as const

test('a remedy in words of REST becomes one in words of the command line, and the fact stays', () => {
  const machine = new World().withBrokers(1).withTopic('t', [[1]])
  const { message, details } = told(machine, REMOVE, 'BROKER_HAS_REPLICAS')
  assert.equal(
    message,
    'broker 1 holds 1 replica (t-0). Move them away first: dmq broker decommission 1 --wait. ' +
      '--force gives them up, and is taken only while the broker is OFFLINE.',
  )
  assert.ok(message.endsWith(String(details!.remedy)))
  machine.setStatus(1, 'OFFLINE')
  assert.match(told(machine, REMOVE, 'BROKER_HAS_REPLICAS').message, /: dmq broker remove 1 --force\.$/)
  const drain = { type: 'DrainBrokerCommand', brokerId: 9, mode: 'DRAIN' }
  assert.match(
    told(machine, drain, 'UNKNOWN_BROKER').message,
    /^broker 9 is not registered\. dmq broker list shows/,
  )
})

test('what the server does not name as a remedy stays as it is said', () => {
  const plain = {
    code: 'BROKER_HAS_REPLICAS',
    message: 'broker 1 holds 1 replica. Another release says this.',
  }
  assert.deepEqual(inOurWords(plain), plain)
  const [message, details] = remedied('The disk is full.', 'Make room.')
  assert.deepEqual(
    inOurWords({ code: 'STORAGE_FULL', message, details }).message,
    'The disk is full. Make room.',
  )
})
