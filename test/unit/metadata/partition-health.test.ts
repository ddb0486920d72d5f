import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import type { PartitionHealth } from '../../../src/metadata/partition-scan.ts'
import { type Partition, PartitionTable } from '../../../src/metadata/partition-table.ts'
import { countOf } from '../../../src/metadata/replication.ts'
import type { Topic } from '../../../src/metadata/topic.ts'

const NONE: PartitionHealth = { offline: 0, underReplicated: 0, underMinIsr: 0, ledByOthers: 0 }

function topic(id: string, minIsr: number | null): Topic {
  const config = minIsr === null ? {} : { 'min.insync.replicas': String(minIsr) }
  return { id, name: id, config, replicationFactor: 3, createdAt: 0, modifiedAt: 0, rows: [] }
}

const TOPICS = new Map([topic('plain', null), topic('strict', 2), topic('strictest', 9)].map(t => [t.id, t]))

function partition(given: Partial<Partition>): Partition {
  return {
    topicId: 'plain',
    id: 0,
    replicas: [1, 2, 3],
    reassignment: null,
    leader: 1,
    leaderEpoch: 0,
    partitionEpoch: 0,
    isr: 0b111,
    elr: 0,
    lastKnownLeader: null,
    createdAt: 0,
    modifiedAt: 0,
    ...given,
  }
}

/** Broker 9 is drained. */
const mayLead = (brokerId: number): boolean => brokerId !== 9

function setRules(table: PartitionTable): void {
  for (const [id, { config }] of TOPICS) {
    const number = table.numberOfTopic(id)
    if (number !== undefined) table.setRules(number, config)
  }
}

function healthOf(...partitions: readonly Partial<Partition>[]): PartitionHealth {
  const table = new PartitionTable()
  for (const [id, given] of partitions.entries()) table.add(partition({ id, ...given }))
  setRules(table)
  return table.scan.health(mayLead)
}

test('partitions that are well count nowhere', () => {
  assert.deepEqual(healthOf({}, { replicas: [7], leader: 7, isr: 1 }, { topicId: 'strictest' }), NONE)
  assert.deepEqual(healthOf(), NONE)
})

test('without a leader: offline, and short of everything', () => {
  assert.deepEqual(healthOf({ leader: null, isr: 0 }), {
    ...NONE,
    offline: 1,
    underReplicated: 1,
    underMinIsr: 1,
  })
})

test('a replica out of sync is told, and whether writes are refused for it depends on the topic', () => {
  assert.deepEqual(healthOf({ isr: 0b011 }), { ...NONE, underReplicated: 1 })
  assert.deepEqual(healthOf({ topicId: 'strict', isr: 0b011 }), { ...NONE, underReplicated: 1 })
  const short = { ...NONE, underReplicated: 1, underMinIsr: 1 }
  assert.deepEqual(healthOf({ topicId: 'strict', isr: 0b001 }), short)
  assert.deepEqual(healthOf({ topicId: 'strictest', isr: 0b011 }), short)
  const single = { topicId: 'strict', replicas: [4], leader: null, isr: 0, elr: 1 }
  assert.deepEqual(healthOf(single), { ...short, offline: 1 })
})

test('a preferred replica that could lead and does not is told', () => {
  assert.deepEqual(healthOf({ leader: 2 }), { ...NONE, ledByOthers: 1 })
  assert.deepEqual(healthOf({ leader: 2, isr: 0b110 }), { ...NONE, underReplicated: 1 })
  assert.deepEqual(healthOf({ replicas: [9, 2, 3], leader: 2 }), NONE, 'it may not lead')
  const reassignment = { target: [1, 2], adding: 0, cause: 'MANUAL', startedAt: 0 } as const
  assert.deepEqual(healthOf({ leader: 2, reassignment }), NONE, 'it is being moved')
})

test('replicas that are just being added are not missed', () => {
  const reassignment = { target: [4, 5], adding: 0b11000, cause: 'MANUAL', startedAt: 0 } as const
  const moving = { replicas: [1, 2, 3, 4, 5], reassignment }
  assert.deepEqual(healthOf({ ...moving, isr: 0b00111 }), NONE)
  assert.deepEqual(healthOf({ ...moving, isr: 0b11111 }), NONE)
  // One that is added makes up for none that was there, but counts for acks=all.
  assert.deepEqual(healthOf({ ...moving, topicId: 'strict', isr: 0b01001 }), { ...NONE, underReplicated: 1 })
})

test('whatever the table holds, the columns say the same as the partitions one by one', () => {
  const chance = new Chance(20_261_121)
  const table = new PartitionTable()
  const rows = new Map<number, Partition>()
  for (let i = 0; i < 9_000; i++) {
    const replicas = chance.pick([[1], [2, 1], [1, 2, 3], [9, 4, 5, 6]])
    const isr = chance.between(0, 2 ** replicas.length - 1)
    const adding = chance.pick([0, 0, 0, 1 << (replicas.length - 1)])
    const given = partition({
      id: i,
      topicId: chance.pick([...TOPICS.keys()]),
      replicas,
      isr: chance.pick([isr, 2 ** replicas.length - 1]),
      leader: chance.pick([null, ...replicas]),
      reassignment: adding === 0 ? null : { target: [1], adding, cause: 'MANUAL', startedAt: 0 },
    })
    rows.set(table.add(given), given)
  }
  for (const row of [...rows.keys()].filter(() => chance.between(0, 9) === 0)) {
    table.remove(row)
    rows.delete(row)
  }
  setRules(table)
  const all = [...rows.values()]
  const originals = ({ replicas, reassignment }: Partition) =>
    replicas.length - countOf(reassignment?.adding ?? 0)
  const minIsr = ({ topicId }: Partition) => Number(TOPICS.get(topicId)!.config['min.insync.replicas'] ?? 1)
  assert.deepEqual(table.scan.health(mayLead), {
    offline: all.filter(({ leader }) => leader === null).length,
    underReplicated: all.filter(p => countOf(p.isr & ~(p.reassignment?.adding ?? 0)) < originals(p)).length,
    underMinIsr: all.filter(p => countOf(p.isr) < Math.min(minIsr(p), originals(p))).length,
    ledByOthers: all.filter(
      p =>
        (p.isr & 1) === 1 && p.reassignment === null && p.leader !== p.replicas[0] && mayLead(p.replicas[0]!),
    ).length,
  })
  for (const brokerId of [1, 3, 6, 99])
    assert.deepEqual(table.scan.countsOf(brokerId), {
      leaders: all.filter(({ leader }) => leader === brokerId).length,
      replicas: all.filter(({ replicas }) => replicas.includes(brokerId)).length,
    })
})
