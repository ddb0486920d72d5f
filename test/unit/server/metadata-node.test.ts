import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Network } from '../../../src/io/network.ts'
import { encodeCommand } from '../../../src/metadata/command.ts'
import { MetadataNode, type MetadataNodeEvents } from '../../../src/server/metadata-node.ts'
import { FakeClock, settle } from '../consensus/fake-clock.ts'
import { MemoryDisk } from '../log/memory-disk.ts'
import { History } from '../metadata/history.ts'

const NOBODY: Network = { connect: () => ({ send: () => false, close: () => {} }) }
const FOLDER = '/data/snapshots'

/** A cluster of one node on a disk in memory. */
async function started() {
  const disk = new MemoryDisk()
  const clock = new FakeClock()
  const nothing = (): void => {}
  const fatal: unknown[] = []
  const raft = {
    id: 1,
    uuid: 'disk 1',
    configuredVoters: [1],
    newClusterId: 'c',
    electionTimeoutMs: 100,
    electionJitterMs: 100,
    heartbeatIntervalMs: 20,
    commitNoticeDelayMs: 5,
    appendBytesMax: 3000,
    snapshotPartBytes: 700,
    readsMax: 10,
    inflightCountMax: 8,
    inflightBytesMax: 10_000,
    uncommittedBytesMax: 100_000,
    tailBytesMax: 1500,
    random: () => 0.5,
    snapshotBytesMin: 300,
  }
  const events: MetadataNodeEvents = {
    changed: nothing,
    refused: nothing,
    slowDisk: nothing,
    fatal: error => void fatal.push(error),
    snapshotTaken: nothing,
    snapshotInstalled: nothing,
    snapshotFailed: nothing,
    snapshotDamaged: nothing,
    connected: nothing,
    disconnected: nothing,
    unreadable: nothing,
    lost: nothing,
    tornWriteCut: nothing,
    lowDisk: nothing,
    roomAgain: nothing,
  }
  const options = { raft, folder: '/data', targets: [], segmentBytes: 64 * 1024, freeBytesMin: 0 }
  const node = await MetadataNode.open(options, { disk, clock, network: NOBODY }, events)
  for (let i = 0; i < 50 && !node.consensus.leadership.ready; i++) {
    await clock.pass(20)
    await clock.runAll()
  }
  return { disk, clock, node, fatal }
}

test('a snapshot that is being taken ends before close resolves: nothing writes after the lock is released', async () => {
  const { disk, clock, node, fatal } = await started()
  assert.ok(node.consensus.leadership.ready)
  const history = new History(1)
  const taking = (): boolean => disk.list(FOLDER).includes('taking.tmp')
  for (let i = 0; i < 100 && !taking(); i++) {
    const command = history.next(node.replica.image)
    // What the node is stopped with gets no answer.
    node.consensus.propose(command.type, Buffer.from(encodeCommand(command)), 1000).catch(() => {})
    for (let turn = 0; turn < 10 && !taking(); turn++) await clock.runPending()
  }
  assert.ok(taking(), 'a snapshot is being taken')
  node.stop()
  let closed = false
  const closing = node.close().then(() => {
    closed = true
    assert.ok(!taking(), 'it has given up')
    disk.operations.length = 0
  })
  await settle()
  assert.ok(!closed, 'it waits')
  await clock.runAll()
  await closing
  await clock.runAll()
  assert.deepEqual([disk.operations, fatal], [[], []])
})
