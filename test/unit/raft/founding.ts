import assert from 'node:assert/strict'
import type { Envelope, Message } from '../../../src/raft/message.ts'
import { Cluster } from './cluster.ts'
import { diskOf, Node, TIMING } from './node.ts'

/** Nodes that belong to no cluster yet, and clusters that are being founded. */

const { electionTimeoutMs } = TIMING
export const VOTERS = [1, 2, 3]

/** How a node that belongs to no cluster addresses others. */
export const unfounded = { clusterId: null, toUuid: null }

export function empty(id: number, uuid = diskOf(id)): Node {
  return new Node({ id, uuid, configuredVoters: VOTERS })
}

/** The answer of an empty voter, to the disk that the node has now. */
export function answer(
  node: Node,
  from: number,
  over: Partial<Message> = {},
  envelope: Partial<Envelope> = {},
): void {
  const message = {
    type: 'foundingAnswer',
    empty: true,
    voters: VOTERS,
    recordedUuid: null,
    ...over,
  } as Message
  node.receive(from, message, { clusterId: null, ...envelope })
}

export function founded(): Cluster {
  const cluster = Cluster.empty(1, 3)
  serves(cluster)
  return cluster
}

/** These nodes elect, commit one more text, and hold exactly the texts before and that one. */
export function serves(cluster: Cluster, ids = [...cluster.nodes.keys()], before: string[] = []): void {
  const led = () => ids.some(id => cluster.node(id) === cluster.leader())
  cluster.until(led, 50 * electionTimeoutMs, 'a leader')
  const text = `text ${before.length}`
  cluster.propose(cluster.leader()!, text)
  cluster.until(() => cluster.agree(ids), 20 * electionTimeoutMs, 'all agree')
  for (const id of ids) assert.deepEqual(cluster.texts(cluster.node(id)), [...before, text])
}
