import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BrokerLink, BrokerLinks } from '../../../src/controller/broker-links.ts'

function noted() {
  const links = new BrokerLinks()
  const told: string[] = []
  links.onOpened((brokerId, epoch) => told.push(`opened ${brokerId} ${epoch}`))
  links.onLost((brokerId, epoch, reason) => told.push(`lost ${brokerId} ${epoch}: ${reason}`))
  return { links, told }
}

/** A link that notes why it is closed, and answers with what it was asked. */
function link(brokerId: number, brokerEpoch: number, closed: string[] = []): BrokerLink {
  return {
    brokerId,
    brokerEpoch,
    request: async (name, body) => ({ status: 200, body: { name, ...JSON.parse(body) } }),
    close: reason => void closed.push(`${brokerId} ${brokerEpoch}: ${reason}`),
  }
}

test('a link that breaks is told with its epoch, once', () => {
  const { links, told } = noted()
  const one = link(1, 10)
  links.opened(one)
  assert.ok(links.has(1) && links.of(1, 10) === one && links.of(1, 11) === undefined)
  links.closed(one, 'reset')
  links.closed(one, 'reset')
  assert.deepEqual(told, ['opened 1 10', 'lost 1 10: reset'])
  assert.equal(links.has(1), false)
})

test('a newer session of a broker replaces the older one, and nothing is lost', () => {
  const { links, told } = noted()
  const closed: string[] = []
  const [before, after] = [link(1, 10, closed), link(1, 12, closed)]
  links.opened(before)
  links.opened(after)
  links.closed(before, 'this broker opened another session')
  assert.deepEqual(closed, ['1 10: this broker opened another session'])
  assert.deepEqual(told, ['opened 1 10', 'opened 1 12'])
  assert.equal(links.of(1, 12), after)
})

test('what this node ends is not lost', () => {
  const { links, told } = noted()
  const closed: string[] = []
  const all = [link(1, 10, closed), link(2, 11, closed)]
  for (const each of all) links.opened(each)
  links.closeAll('over')
  for (const each of all) links.closed(each, 'over')
  assert.deepEqual(closed, ['1 10: over', '2 11: over'])
  assert.deepEqual(told, ['opened 1 10', 'opened 2 11'])
})

test('a message goes to the broker that holds a link, and to no other', async () => {
  const { links } = noted()
  links.opened(link(1, 10))
  assert.deepEqual(await links.send(1, 'do', { x: 1 }, 100), { status: 200, body: { name: 'do', x: 1 } })
  await assert.rejects(links.send(2, 'do', {}, 100), /broker 2 holds no session/)
})

test('who does not listen any more hears nothing', () => {
  const links = new BrokerLinks()
  const told: number[] = []
  const unlisten = [links.onOpened(id => told.push(id)), links.onLost(id => told.push(id))]
  for (const each of unlisten) each()
  const one = link(1, 10)
  links.opened(one)
  links.closed(one, 'reset')
  assert.deepEqual(told, [])
})
