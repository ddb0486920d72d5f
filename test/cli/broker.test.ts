import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { brokerAt } from '../cluster/partitions.ts'
import { Cluster, root, until } from '../cluster/processes.ts'

/** How the commands about brokers show them, with brokers that nobody is behind: registered by hand. */
let cluster: Cluster

type Run = { code: number; out: string; err: string }

function run(...args: readonly string[]): Promise<Run> {
  const env = { ...process.env, DMQ_BOOTSTRAP: cluster.metadata[0]!.url, NO_COLOR: '1' }
  return new Promise(resolve => {
    execFile(process.execPath, [join(root, 'bin', 'dmq.mjs'), ...args], { env }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    )
  })
}

before(async () => {
  cluster = await Cluster.start({ metadata: 1, storage: 0, args: ['--session-timeout-ms', '600000'] })
  for (const brokerId of [1, 2])
    await cluster.write('POST', '/brokers', { brokerId, host: 'localhost', port: 19_000 + brokerId })
  const assignments = [[1, 2], [1, 2], [1], [1], [1], [1]]
  for (const [i, replicas] of assignments.entries())
    await cluster.write('POST', '/topics', { topicName: `t${i}`, assignments: [replicas] })
})
after(() => cluster[Symbol.asyncDispose]())

test('a drain shows what is left, one line for each reason, in the list of brokers as well', async () => {
  const { out, code } = await run('broker', 'drain', '1')
  assert.equal(code, 0)
  assert.match(out, /^leads +4 of 6 partitions$/m)
  assert.match(out, /^t2-0, t3-0, t4-0 and 1 more {2}it has no other replica; decommission moves it$/m)
  assert.match(
    (await run('broker', 'list')).out,
    /^ +1 .* DRAINING .* \d{4}-\d\d-\d\d [\d:]{8} {2}being drained: 4 leaderships left of 6$/m,
  )
  assert.match((await run('broker', 'describe', '1')).out, /^status +DRAINING \(being drained: 4 leader/m)
  assert.match((await run('cluster')).out, /^brokers +2, 1 ONLINE, 1 DRAINING$/m)
})

test('who waits for a drain is told what it waits for, and fails when somebody takes it back', async () => {
  await run('broker', 'undrain', '1')
  const waiting = run('broker', 'drain', '1', '--wait')
  await until('it is asked for', async () => (await brokerAt(cluster, 1)).drain !== null)
  const undrained = await run('broker', 'undrain', '1')
  assert.match(undrained.out, /^broker 1 is no longer drained/)
  const { code, err, out } = await waiting
  assert.deepEqual([code, out], [1, 'broker 1 is ONLINE, and is not drained\n'])
  assert.match(err, /^0 of 4 moved, 4 left \(t2-0: it has no other replica; decommission moves it\)$/m)
})

test('a leader that was asked for by name and cannot be elected is exit code 1', async () => {
  const { code, out } = await run('leader', 'elect', 't0-0', 'none-7')
  assert.deepEqual([code, /^none-7 +- +topic "none" does not exist$/m.test(out)], [1, true])
  assert.equal((await run('leader', 'elect')).code, 0)
})

test('a broker that holds nothing and is away is a ghost; one that lives is not removed unnoticed', async () => {
  await cluster.write('POST', '/brokers', { brokerId: 3, host: 'localhost', port: 19_003 })
  const registration = { brokerId: 4, host: 'localhost', port: 19_004, incarnationId: 'starts' }
  await cluster.write('POST', '/brokers', registration)
  const { out } = await run('broker', 'list')
  assert.match(out, /^ +4 .* OFFLINE .*; a ghost, it holds nothing: dmq broker remove 4$/m)
  assert.doesNotMatch(out, /^ +3 .* ghost/m)
  assert.match((await run('cluster')).out, /1 OFFLINE \(1 of them holding nothing\)$/m)
  assert.equal(
    (await run('broker', 'remove', '3')).out,
    'broker 3 removed; it was ONLINE: stop it, or it registers again\n',
  )
  assert.equal((await run('broker', 'remove', '4')).out, 'broker 4 removed\n')
})
