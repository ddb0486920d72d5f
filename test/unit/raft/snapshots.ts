import assert from 'node:assert/strict'
import { configurationOf } from '../../../src/raft/voters.ts'
import { encodeState, type StoredSnapshot } from './disk.ts'
import { acknowledgement, leaderOf, rejection } from './messages.ts'
import { logOf, type Node } from './node.ts'

/** Leaders that take snapshots, and send them. */

/** The state after entry `index` of a log whose entries are of term 2, in the file of node `by`. */
export function snapshot(index = 4, by = 1): StoredSnapshot {
  const state = logOf(3, [1, ...Array<number>(index - 1).fill(2)])
  return encodeState({ id: { index, term: 2 }, configuration: configurationOf(state[0]!)! }, state, by)
}

/** Proposes, and has it committed by node 2. */
export function commits(node: Node, text: string): void {
  node.propose(text)
  node.persist()
  node.receive(2, acknowledgement(node, node.status.last.index))
}

/** Leads, and has asked for the first part of its newest snapshot, for node 3. */
export function sending(options: Parameters<typeof leaderOf>[1] = {}): Node {
  const node = leaderOf(3, options)
  node.takeSnapshot()
  commits(node, 'a')
  node.takeSnapshot()
  node.receive(3, rejection(node, 1, { index: 0, term: 0 }))
  node.step({ type: 'tick' })
  assert.equal(node.snapshotReads.length, 1)
  node.taken()
  return node
}
