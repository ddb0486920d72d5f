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

test('to undrain a broker that is not drained changes nothing, and says so', async () => {
  const { code, out } = await run('broker', 'undrain', '2')
  assert.deepEqual(
    [code, out],
    [0, 'broker 2 was not being drained or decommissioned: nothing was changed\n'],
  )
})

test('what can be done about an error is a command, in the answers to parts of a request as well', async () => {
  assert.match(
    (await run('broker', 'remove', '1')).err,
    /^dmq: BROKER_HAS_REPLICAS: broker 1 holds 6 replicas .*: dmq broker decommission 1 --wait\. --force gives/,
  )
  assert.match((await run('rebalance', '--stop')).err, /no rebalance is under way\. dmq reassign list shows/)
  // Broker 4 never comes up: what is to move there waits.
  const away = { brokerId: 4, host: 'localhost', port: 19_004, incarnationId: 'starts' }
  await cluster.write('POST', '/brokers', away)
  const begun = await run('reassign', 'start', 't0-0=1,4', 't1-0=2,1', 'none-7=1')
  assert.equal(begun.code, 1)
  assert.match(begun.out, /^t0-0 +1,2 +1,4 +waits$/m)
  assert.match(begun.out, /^t1-0 +1,2 +2,1 +done: nothing had to be copied$/m)
  assert.match(begun.out, /^none-7 +- +1 +topic "none" does not exist$/m)
  assert.match(
    begun.out,
    /\n1 move waiting\. dmq reassign list .* dmq reassign cancel t0-0 takes it back\.\n$/,
  )
  const wait = /waits to be moved.* Wait for it \(dmq reassign list\), or cancel it: dmq reassign cancel t0-0/
  assert.match((await run('reassign', 'start', 't0-0=2,4')).out, wait)
  const planned = await run('plan', 'reassign', 't0-0=2,4')
  assert.deepEqual([planned.code, planned.out], [1, ''])
  assert.match(planned.err, wait)
  assert.match((await run('topic', 'alter', 't0', '-r', '1')).err, wait)
  await run('reassign', 'start', 't2-0=1,4')
  const cancelled = await run('reassign', 'cancel', 't0-0', 't3-0', 't2-0')
  assert.deepEqual(
    [cancelled.code, cancelled.out],
    [1, 'the move of t0-0 is cancelled\nthe move of t2-0 is cancelled\n'],
  )
  assert.match(cancelled.err, /^dmq: NO_REASSIGNMENT_IN_PROGRESS: .*t3-0/)
  await run('reassign', 'start', 't1-0=1,2')
  await run('broker', 'remove', '4')
})

test('moves wait for their turn, which reassign throttle gives them', async () => {
  assert.equal(
    (await run('reassign', 'throttle')).out,
    'at most 50 moves at a time (reassignment.max-moves); 0 under way, 0 waiting\n',
  )
  assert.match(
    (await run('reassign', 'throttle', '0')).out,
    /^no more moves begin \(dmq reassign throttle\); 0 /,
  )
  assert.match((await run('reassign', 'start', 't3-0=2')).out, /\n1 move waiting\. dmq reassign list /)
  assert.match((await run('reassign', 'list')).out, /^t3-0 +1 +2 +MANUAL +WAITING .* moves are paused$/m)
  const why = await run('explain', 'partition', 't3-0')
  assert.match(why.out, /t3-0 is to move to \[2\], and waits for its turn/)
  const state = JSON.parse((await run('reassign', 'throttle', '--json')).out)
  assert.deepEqual([state.movesMax, state.setBy, state.waiting], [0, 'OPERATOR', 1])
  await run('reassign', 'cancel', 't3-0')
  assert.match(
    (await run('reassign', 'throttle', '--reset')).out,
    /^at most 50 moves at a time \(reassignment/,
  )
  for (const wrong of [['many'], ['10001'], ['5', '--reset']]) {
    const { code, err } = await run('reassign', 'throttle', ...wrong)
    assert.deepEqual([code, /error: /.test(err)], [2, true], wrong.join(' '))
  }
})

test('a value that is not legal is named by its option', async () => {
  const cases: [string[], string][] = [
    [['topic', 'create', 'x', '-p', '0'], 'INVALID_PARTITIONS: --partitions: must be >= 1'],
    [
      ['plan', 'create-topic', 'x', '-r', '31'],
      'INVALID_REPLICATION_FACTOR: --replication-factor: must be <= 30',
    ],
    [['broker', 'describe', '2147483648'], 'INVALID_REQUEST: broker id: must be <= 2147483647'],
  ]
  for (const [args, message] of cases) {
    const { code, err } = await run(...args)
    assert.deepEqual([code, err], [1, `dmq: ${message}\n`])
  }
})

test('with --json every error is one line of JSON, in the shape of REST, and the exit code is the same', async () => {
  const cases: [string[], number, string, RegExp][] = [
    [['topic', 'describe', 'none'], 1, 'UNKNOWN_TOPIC', /^topic "none" does not exist$/],
    [['broker', 'remove', '1'], 1, 'BROKER_HAS_REPLICAS', / dmq broker decommission 1 --wait/],
    [['topic', 'list', '-b', 'http://localhost:1', '--timeout', '50'], 1, 'UNREACHABLE', /tried for 50 ms/],
    [['broker', 'list', '-b', 'http://localhost:1', '--timeout', '50'], 1, 'UNREACHABLE', /tried for 50 ms/],
    [['topic', 'list', '--services', 'none.json'], 1, 'FAILED', /^none\.json: cannot be read as JSON/],
    [['topic', 'create', 'x', '-p', 'many'], 2, 'USAGE', /argument 'many' is invalid/],
    [['topic', 'alter', 'x'], 2, 'USAGE', /^nothing to change/],
    [['topics'], 2, 'USAGE', /^unknown command 'topics'/],
    [['quorum', 'add', '4', '--url', 'junk'], 2, 'USAGE', /"junk" is no address/],
  ]
  for (const [args, expected, code, message] of cases) {
    const result = await run(...args, '--json')
    const { error } = JSON.parse(result.err) as { error: { code: string; message: string } }
    assert.deepEqual([result.code, result.out, error.code], [expected, '', code], args.join(' '))
    assert.match(error.message, message)
    assert.equal(result.err.trim().split('\n').length, 1)
  }
  const { error } = JSON.parse((await run('broker', 'remove', '1', '--json')).err)
  assert.deepEqual([error.details.brokerId, error.details.replicas], [1, 6])
})

test('a leader that was asked for by name and cannot be elected is exit code 1; who leads already is named', async () => {
  await run('leader', 'elect', 't0-0')
  const { code, out } = await run('leader', 'elect', 't0-0', 'none-7')
  assert.deepEqual([code, /^none-7 +- +topic "none" does not exist$/m.test(out)], [1, true])
  assert.match(out, /^t0-0 +1 +partition t0-0: its preferred leader, broker 1, leads it already$/m)
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

test('of a broker that is OFFLINE already nobody is told to stop it', async () => {
  const registration = { brokerId: 4, host: 'localhost', port: 19_004, incarnationId: 'starts' }
  await cluster.write('POST', '/brokers', registration)
  assert.match(
    (await run('broker', 'decommission', '4')).out,
    /\n\nIt is OFFLINE already: dmq broker remove 4\n/,
  )
  await run('broker', 'remove', '4')
})
