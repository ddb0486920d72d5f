import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DmqError } from '../../../src/base/errors.ts'
import { Consensus } from '../../../src/consensus/consensus.ts'
import type { Log } from '../../../src/log/log.ts'
import { SnapshotStore } from '../../../src/log/snapshot-store.ts'
import { FOUND_CLUSTER } from '../../../src/raft/entry.ts'
import { encodeFounding } from '../../../src/raft/voters.ts'
import { MemoryDisk } from '../log/memory-disk.ts'
import { Node } from '../raft/node.ts'
import { FakeClock } from './fake-clock.ts'

/** Time passes, and everything that is ready goes on. */
async function run(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5) {
    await clock.pass(5)
    for (let turn = 0; turn < 10; turn++) await clock.runPending()
  }
}

test('a turn that breaks off when the entry may be on its way to the disk leaves the outcome of the write unknown', async () => {
  const clock = new FakeClock()
  let breaksOff = false
  const log = {
    append(): Promise<void> {
      if (breaksOff) throw new Error('broke off')
      return Promise.resolve()
    },
  } as unknown as Log
  const nothing = (): void => {}
  const founding = {
    index: 1,
    term: 1,
    type: FOUND_CLUSTER,
    data: encodeFounding('c', [{ id: 1, uuid: 'disk-1' }]),
  }
  const configuration = {
    index: 1,
    clusterId: 'c',
    recoveryEpoch: 0,
    voters: [{ id: 1, uuid: 'disk-1' }],
    outgoing: null,
    learners: [],
  }
  const restored = {
    hardState: { term: 1, votedFor: null, commit: 1, clusterId: 'c' },
    base: { index: 0, term: 0 },
    runs: [{ term: 1, first: 1 }],
    tail: [founding],
    last: 1,
    configurations: [configuration],
    snapshots: [],
  }
  const { options } = new Node({ id: 1, uuid: 'disk-1' })
  const failures: unknown[] = []
  const consensus = new Consensus({ ...options, snapshotBytesMin: 1e9 }, restored, {
    log,
    store: new SnapshotStore(new MemoryDisk(), '/data/snapshots'),
    clock,
    stateMachine: {
      apply: nothing,
      capture: () => [],
      restore: () => ({ take: nothing, end: nothing, install: nothing }),
    },
    send: () => true,
    events: {
      changed: nothing,
      refused: nothing,
      membersChanged: nothing,
      slowDisk: nothing,
      snapshotTaken: nothing,
      snapshotInstalled: nothing,
      snapshotFailed: nothing,
      fatal: error => failures.push(error),
    },
  })
  await run(clock, 1_000)
  assert.deepEqual([failures, consensus.leadership.role, consensus.leadership.ready], [[], 'LEADER', true])
  breaksOff = true
  const outcome = consensus.propose('Text', Buffer.from('x'), 5_000).then(
    () => 'done',
    (error: DmqError) => error.code,
  )
  await run(clock, 20)
  assert.deepEqual([await outcome, failures.length], ['COMMIT_TIMEOUT', 1])
})
