import assert from 'node:assert/strict'
import { ERRORS, type ErrorCode } from '../../src/base/errors.ts'
import { authorize, ClusterKey } from '../../src/io/cluster-key.ts'
import { type Answer, ask, CLUSTER_KEY, type NodeProcess, until } from '../cluster/processes.ts'

/** What holds for every answer, and what a node's state is. */
export const METADATA = '/api/v1/metadata'
export const RAFT = '/api/v1/raft'
export const STORAGE = '/api/v1/storage'

export const key = new ClusterKey(CLUSTER_KEY)

type Answered = { readonly status: number; readonly body: any }

/** An error as documented: the one shape, a code of the table, with its status; and no bug of ours. */
export function assertError({ status, body }: Answered, ...codes: readonly ErrorCode[]): void {
  const shown = `${status} ${JSON.stringify(body)}`
  const { error } = body ?? {}
  assert.equal(typeof error?.code, 'string', `not the error shape: ${shown}`)
  assert.deepEqual(Object.keys(body), ['error'], `not the error shape: ${shown}`)
  assert.ok(error.code in ERRORS, `not a code of the table: ${shown}`)
  assert.equal(ERRORS[error.code as ErrorCode].status, status, `not the status of its code: ${shown}`)
  assert.notEqual(error.code, 'INTERNAL', `a bug: ${shown}`)
  assert.ok(error.message.length > 0 && error.message.length < 2_000, `no message, or a flood: ${shown}`)
  const unknown = Object.keys(error).filter(name => !['code', 'message', 'details'].includes(name))
  assert.deepEqual(unknown, [], `not the error shape: ${shown}`)
  if (codes.length > 0) assert.ok(codes.includes(error.code), `expected ${codes.join(' or ')}: ${shown}`)
}

/** `body` may be text that is not JSON. */
export async function send(
  node: NodeProcess,
  method: string,
  path: string,
  body?: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(`${node.url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: body as string }),
    signal: AbortSignal.timeout(15_000),
  })
  const isBytes = response.headers.get('content-type') === 'application/octet-stream'
  const text = await response.text()
  const answered = text === '' || isBytes ? null : JSON.parse(text)
  return { status: response.status, body: answered, headers: response.headers }
}

/** A request with a proof of the cluster key: over what is sent, unless `proved` says something else. */
export function sendProved(
  node: NodeProcess,
  method: string,
  path: string,
  body?: unknown,
  proved: { key?: ClusterKey; at?: number; path?: string; method?: string; body?: string } = {},
): Promise<Answer> {
  const text = body === undefined ? undefined : JSON.stringify(body)
  const authorization = authorize(proved.key ?? key, proved.at ?? Date.now(), {
    method: proved.method ?? method,
    path: proved.path ?? path,
    body: proved.body ?? text ?? '',
  })
  return send(node, method, path, text, { authorization })
}

export async function raftStatus(node: NodeProcess): Promise<any> {
  const answer = await sendProved(node, 'GET', `${RAFT}/status`)
  assert.equal(answer.status, 200)
  return answer.body
}

/** What a request that is refused must leave as it was. */
export async function stateOf(node: NodeProcess): Promise<Record<string, unknown>> {
  if (node.kind === 'storage') {
    const { body } = await ask('GET', `${node.url}${STORAGE}/status`)
    const { clusterId, brokerEpoch, status, metadataVersion, stateHash, controller, incarnationId } = body
    return { clusterId, brokerEpoch, status, metadataVersion, stateHash, controller, incarnationId }
  }
  const { body } = await ask('GET', `${node.url}${METADATA}/sync`)
  const { role, term, leaderId, commitIndex, lastLogIndex, lastLogTerm, clusterId } = await raftStatus(node)
  const { version, stateHash } = body
  return { role, term, leaderId, commitIndex, lastLogIndex, lastLogTerm, clusterId, version, stateHash }
}

/** Runs `action`; the metadata, the term and the Raft log of the nodes are afterwards what they were. */
export async function unchanged(nodes: readonly NodeProcess[], action: () => Promise<void>): Promise<void> {
  const before = await Promise.all(nodes.map(stateOf))
  await action()
  assert.deepEqual(await Promise.all(nodes.map(stateOf)), before)
}

/** Everything that starting a cluster brings about has happened: what is applied is the same everywhere. */
export async function settled(nodes: readonly NodeProcess[]): Promise<void> {
  let last = ''
  await until('the cluster is settled', async () => {
    const states = await Promise.all(nodes.map(stateOf))
    const versions = new Set(states.map(({ version, metadataVersion }) => version ?? metadataVersion))
    const before = last
    last = JSON.stringify(states)
    return versions.size === 1 && before === last
  })
}

/** No request of the tests ran into a bug, and no process ended. */
export function assertSound(nodes: readonly NodeProcess[]): void {
  for (const node of nodes) {
    assert.ok(node.running, `${node.kind} ${node.entry.id} ended:\n${node.output.slice(-2_000)}`)
    const bugs = node.output.split('\n').filter(line => line.includes('"event":"bug"'))
    assert.deepEqual(bugs, [], `${node.kind} ${node.entry.id} logged bugs`)
  }
}
