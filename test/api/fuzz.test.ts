import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { type Answer, ask, Cluster, until } from '../cluster/processes.ts'
import { assertError, assertSound, RAFT, send, sendProved, settled, stateOf, unchanged } from './contract.ts'
import {
  faultOf,
  type Operation,
  oddRequest,
  operationsOf,
  type Request,
  targetOf,
  undocumented,
  validRequest,
} from './openapi.ts'

/**
 * Random requests from the OpenAPI documents of both kinds of nodes. Replay a run, or make a longer one:
 *
 *     SEED=17 RUNS=5000 node --test test/api/fuzz.test.ts
 */
const SEED = Number(process.env.SEED ?? 1)
const RUNS = Number(process.env.RUNS ?? 700)

let cluster: Cluster
let operations: Operation[]

before(async () => {
  cluster = await Cluster.start({ metadata: 1, storage: 1, args: ['--session-timeout-ms', '60000'] })
  operations = (await Promise.all(cluster.all.map(operationsOf))).flat()
  await cluster.write('POST', '/topics', { topicName: 'kept', numPartitions: 2, replicationFactor: 1 })
  await settled(cluster.all)
})
after(() => cluster[Symbol.asyncDispose]())

type Case = { readonly operation: Operation; readonly request: Request }

const valid = (among: readonly Operation[]): fc.Arbitrary<Case> => casesOf(among, validRequest)
const odd = (among: readonly Operation[]): fc.Arbitrary<Case> => casesOf(among, oddRequest)

function casesOf(among: readonly Operation[], requestOf: (operation: Operation) => fc.Arbitrary<Request>) {
  return fc
    .constantFrom(...among)
    .chain(operation => fc.record({ operation: fc.constant(operation), request: requestOf(operation) }))
}

async function run(
  t: TestContext,
  cases: fc.Arbitrary<Case>,
  check: (one: Case) => Promise<void>,
  numRuns = RUNS,
): Promise<void> {
  t.diagnostic(`seed ${SEED}, ${numRuns} runs`)
  const property = fc.asyncProperty(shown(cases), check)
  // Making a failed case small takes requests too, and must end.
  await fc.assert(property, {
    seed: SEED,
    numRuns,
    interruptAfterTimeLimit: 60_000 + 20 * numRuns,
    markInterruptAsFailure: true,
  })
  assertSound(cluster.all)
}

/** A failed case is reported as the request that it makes. */
function shown(cases: fc.Arbitrary<Case>): fc.Arbitrary<Case> {
  return cases.map(one => ({
    ...one,
    [fc.toStringMethod]: () =>
      `${one.operation.method} ${targetOf(one.operation, one.request)} ${JSON.stringify(one.request.body)}`,
  }))
}

function perform({ operation, request }: Case): Promise<Answer> {
  const body = operation.body === null ? undefined : JSON.stringify(request.body ?? null)
  return send(operation.node, operation.method, targetOf(operation, request), body)
}

function assertDocumented({ operation }: Case, { status, body }: Answer): void {
  const isReadiness = operation.path === '/health/ready' && status === 503
  if (status >= 400 && !isReadiness) assertError({ status, body })
  assert.equal(undocumented(operation, status, body), null, `${status} ${JSON.stringify(body)}`)
}

const versionOf = (answer: Answer) => Number(answer.headers.get('x-metadata-version'))

test('what the documents call invalid is 400 and changes nothing', async t => {
  let checked = 0
  await unchanged(cluster.all, () =>
    run(t, odd(operations), async one => {
      const fault = faultOf(one.operation, one.request)
      fc.pre(fault !== null)
      const before = versionOf(await ask('GET', `${one.operation.node.url}/health/live`))
      const answer = await perform(one)
      // An empty part of a path is another path.
      if (fault === 'path' && answer.status === 404) assertError(answer, 'NOT_FOUND', 'UNKNOWN_TOPIC')
      else assert.equal(answer.status, 400, JSON.stringify(answer.body))
      assertError(answer)
      assert.equal(versionOf(answer), before)
      checked += 1
    }),
  )
  assert.ok(checked >= RUNS, `only ${checked} requests were invalid`)
})

test('reads change nothing, whatever they ask for', async t => {
  const reads = operations.filter(({ method }) => method === 'GET')
  await unchanged(cluster.all, () =>
    run(
      t,
      fc.oneof(valid(reads), odd(reads)),
      async one => assertDocumented(one, await perform(one)),
      Math.ceil(RUNS / 3),
    ),
  )
})

test('raft messages change nothing: without proof as no voter, with proof as an unknown one', async t => {
  // What operators ask for (members, transfer) is meant to change something.
  const said = ['/vote', '/append', '/snapshot', '/timeout-now'].map(name => `${RAFT}${name}`)
  const messages = operations.filter(({ path }) => said.includes(path))
  const cases = fc.oneof(valid(messages), odd(messages))
  await unchanged(cluster.all, () =>
    run(
      t,
      cases,
      async one => {
        const { operation, request } = one
        const unproved = await perform(one)
        assertDocumented(one, unproved)
        if (unproved.status === 200) assert.equal(unproved.body.voteGranted ?? unproved.body.success, false)
        const proved = await sendProved(
          operation.node,
          'POST',
          targetOf(operation, request),
          request.body ?? null,
        )
        assertError(proved, 'INVALID_REQUEST', 'CLUSTER_ID_MISMATCH', 'VOTER_MISMATCH')
      },
      Math.ceil(RUNS / 3),
    ),
  )
})

test('whatever is written, the answers are documented, and every node can read what came of it', async t => {
  const statuses = new Map<number, number>()
  let newest = 0
  await run(
    t,
    fc.oneof({ weight: 3, arbitrary: valid(operations) }, { weight: 1, arbitrary: odd(operations) }),
    async one => {
      const answer = await perform(one)
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      assertDocumented(one, answer)
      if (one.operation.node.kind !== 'metadata') return
      assert.ok(versionOf(answer) >= newest, 'versions never go back')
      newest = versionOf(answer)
    },
  )
  t.diagnostic(`statuses ${JSON.stringify(Object.fromEntries([...statuses].sort()))}`)
  for (const status of [200, 201, 204, 400, 404, 409])
    assert.ok((statuses.get(status) ?? 0) > 0, `no answer was ${status}`)
  await readable()
})

/** The storage node replays it all to the same hash; so does the metadata node when it starts again. */
async function readable(): Promise<void> {
  const [metadata, storage] = [cluster.metadata[0]!, cluster.storage[0]!]
  const agreed = async () => {
    const [{ version, stateHash }, copy] = await Promise.all([stateOf(metadata), stateOf(storage)])
    return copy.metadataVersion === version && copy.stateHash === stateHash ? { version, stateHash } : null
  }
  const before = await until('the storage node agrees', agreed)
  await metadata.end('SIGKILL')
  metadata.start()
  await cluster.ready()
  assert.deepEqual(await until('the storage node agrees again', agreed), before)
  assertSound(cluster.all)
}
