import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import { type Partition, PartitionTable } from '../../../src/metadata/partition-table.ts'

const REPLICA_LISTS = [[1], [1, 2], [2, 1], [1, 2, 3], [3, 4, 5], [10, 2], [1, 0, 2]]

function somePartition(
  chance: Chance,
  serial: number,
  replicas: readonly number[] = chance.pick(REPLICA_LISTS),
): Partition {
  const all = 2 ** replicas.length - 1
  return {
    topicId: `topic ${serial % 5}`,
    id: serial,
    leader: chance.pick([null, ...replicas]),
    leaderEpoch: chance.between(0, 2 ** 31 - 1),
    partitionEpoch: chance.between(0, 2 ** 31 - 1),
    replicas,
    reassignment: someReassignment(chance),
    isr: chance.between(0, all),
    elr: chance.between(0, all),
    lastKnownLeader: chance.pick([null, ...replicas]),
    createdAt: chance.between(0, 2 ** 45),
    modifiedAt: chance.between(0, 2 ** 45),
  }
}

function someReassignment(chance: Chance): Partition['reassignment'] {
  const target = chance.pick(REPLICA_LISTS)
  return chance.happens(0.3) ? { target, adding: 1, cause: 'MANUAL', startedAt: chance.between(0, 9) } : null
}

/** What the table holds, in the plainest way. */
class Model {
  readonly rows = new Map<number, Partition>()

  assertSame(table: PartitionTable): void {
    assert.equal(table.count, this.rows.size)
    for (const [row, partition] of this.rows) assert.deepEqual(table.at(row), partition)
    for (const brokerId of [0, 1, 2, 3, 10, 11, 99])
      assert.deepEqual(table.scan.rowsWithReplicaOn(brokerId), this.#rowsWith(brokerId), `broker ${brokerId}`)
    assert.deepEqual(table.scan.counts(), this.#counts())
    const moving = [...this.rows].filter(([, { reassignment }]) => reassignment !== null)
    assert.deepEqual(
      new Map(table.moves),
      new Map(moving.map(([row, { reassignment }]) => [row, reassignment])),
    )
    const led = (row: readonly [number, Partition]): boolean => {
      const { replicas, isr, leader, reassignment } = row[1]
      return (isr & 1) !== 0 && leader !== replicas[0] && replicas[0] !== 10 && reassignment === null
    }
    const others = [...this.rows].filter(led).map(([row]) => row)
    assert.deepEqual(
      table.scan.rowsLedByOthers(1_000, id => id !== 10),
      others.sort((x, y) => x - y),
    )
  }

  #rowsWith(brokerId: number): number[] {
    const rows = [...this.rows].filter(([, { replicas }]) => replicas.includes(brokerId))
    return rows.map(([row]) => row).sort((a, b) => a - b)
  }

  #counts(): Map<number, { leaders: number; replicas: number }> {
    const partitions = [...this.rows.values()]
    const brokerIds = new Set(partitions.flatMap(({ replicas }) => replicas))
    return new Map(
      [...brokerIds].map(brokerId => [
        brokerId,
        {
          leaders: partitions.filter(({ leader }) => leader === brokerId).length,
          replicas: partitions.filter(({ replicas }) => replicas.includes(brokerId)).length,
        },
      ]),
    )
  }
}

test('the table holds what a map of rows would, through growth and reuse of rows', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const chance = new Chance(seed)
    const table = new PartitionTable()
    const model = new Model()
    let most = 0
    for (let serial = 1; serial <= 150; serial++) {
      const row = model.rows.size === 0 ? null : chance.pick([...model.rows.keys()])
      const draw = chance.fraction()
      if (row === null || draw < 0.5) {
        const partition = somePartition(chance, serial)
        const added = table.add(partition)
        assert(!model.rows.has(added), `row ${added} was taken`)
        model.rows.set(added, partition)
      } else if (draw < 0.75) {
        const { topicId, id, createdAt } = model.rows.get(row)!
        const changed = { ...somePartition(chance, serial), topicId, id, createdAt }
        table.update(row, changed)
        model.rows.set(row, changed)
      } else {
        table.remove(row)
        model.rows.delete(row)
      }
      most = Math.max(most, model.rows.size)
      assert(Math.max(...model.rows.keys()) < most, 'rows are reused before new ones are taken')
      if (serial % 10 === 0) model.assertSame(table)
    }
  }
})

test('the hash of a partition does not depend on its row, nor on what the row held before', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const chance = new Chance(seed)
    const used = new PartitionTable()
    const rows = [1, 2, 3].map(serial => used.add(somePartition(chance, serial)))
    for (const row of rows) used.remove(row)
    const partition = somePartition(chance, 9)
    const fresh = new PartitionTable()
    assert.deepEqual(used.hashOf(used.add(partition)), fresh.hashOf(fresh.add(partition)))
  }
})

test('every field of a partition is in its hash', () => {
  const partition: Partition = {
    topicId: 'topic',
    id: 1,
    leader: 2,
    leaderEpoch: 3,
    partitionEpoch: 4,
    replicas: [2, 3],
    reassignment: { target: [2, 4], adding: 0, cause: 'MANUAL', startedAt: 7 },
    isr: 0b11,
    elr: 0,
    lastKnownLeader: null,
    createdAt: 5,
    modifiedAt: 6,
  }
  const table = new PartitionTable()
  const hashOf = (changed: Partial<Partition>) => {
    const { low, high } = table.hashOf(table.add({ ...partition, ...changed }))
    return `${low} ${high}`
  }
  const others: Partial<Partition>[] = [
    { topicId: 'topi' },
    { id: 2 },
    { leader: 3 },
    { leader: null },
    { leaderEpoch: 4 },
    { partitionEpoch: 5 },
    { replicas: [3, 2] },
    { replicas: [2, 3, 4] },
    { replicas: [2] },
    { isr: 0b01 },
    { elr: 0b10 },
    { lastKnownLeader: 2 },
    { createdAt: 5 + 2 ** 32 },
    { modifiedAt: 7 },
  ]
  assert.equal(new Set([hashOf({}), ...others.map(hashOf)]).size, others.length + 1)
  assert.equal(hashOf({}), hashOf({}))
})

describe('a row that holds no partition', () => {
  const partition = somePartition(new Chance(1), 1)

  test('cannot be read, changed or removed once it was given up', () => {
    const table = new PartitionTable()
    const row = table.add(partition)
    table.remove(row)
    assert.throws(() => table.at(row), /row 0 holds a partition/)
    assert.throws(() => table.remove(row), /row 0 holds a partition/)
    assert.throws(() => table.update(row, partition), /a row keeps its key/)
    assert.equal(table.count, 0)
  })

  test('cannot be read, changed or removed before it was given out, though there is room for it', () => {
    const table = new PartitionTable()
    table.add(partition)
    assert.throws(() => table.at(1), /row 1 holds a partition/)
    assert.throws(() => table.remove(1), /row 1 holds a partition/)
    assert.throws(() => table.update(1, partition), /a row keeps its key/)
    assert.throws(() => table.at(8), /row 8 holds a partition/)
    assert.equal(table.count, 1)
  })
})

test('a row keeps its topic and partition id', () => {
  const table = new PartitionTable()
  const partition = somePartition(new Chance(1), 1)
  const row = table.add(partition)
  assert.throws(() => table.update(row, { ...partition, id: 2 }), /a row keeps its key/)
  assert.throws(() => table.update(row, { ...partition, topicId: 'other' }), /a row keeps its key/)
})

test('what is handed out does not change with the table, and replica lists cannot be changed from outside', () => {
  const table = new PartitionTable()
  const replicas = [1, 2]
  const partition = { ...somePartition(new Chance(1), 1), replicas, leader: 1 }
  const row = table.add(partition)
  const before = table.at(row)
  table.update(row, { ...partition, leader: 2 })
  replicas.push(3)
  assert.equal(before.leader, 1)
  assert.deepEqual(table.at(row).replicas, [1, 2])
  assert.throws(() => (table.at(row).replicas as number[]).push(3), TypeError)
})

test('a replica list that nobody uses is forgotten, also when another takes its place', () => {
  const table = new PartitionTable()
  const partition = somePartition(new Chance(1), 1)
  const first = table.add({ ...partition, replicas: [1, 2] })
  const second = table.add({ ...partition, id: 2, replicas: [1, 2] })
  table.remove(first)
  assert.deepEqual(table.at(second).replicas, [1, 2], 'it is still used')
  table.remove(second)
  const third = table.add({ ...partition, id: 3, replicas: [7, 8] })
  const fourth = table.add({ ...partition, id: 4, replicas: [1, 2] })
  assert.deepEqual(
    [table.at(third).replicas, table.at(fourth).replicas],
    [
      [7, 8],
      [1, 2],
    ],
  )
  assert.deepEqual(table.scan.rowsWithReplicaOn(7), [third])
  assert.deepEqual(table.scan.rowsWithReplicaOn(1), [fourth])
})

test('lists that read alike when joined are different lists', () => {
  const table = new PartitionTable()
  const partition = somePartition(new Chance(1), 1)
  const rows = [[1, 23], [12, 3], [123]].map((replicas, id) => table.add({ ...partition, id, replicas }))
  assert.deepEqual(
    rows.map(row => table.at(row).replicas),
    [[1, 23], [12, 3], [123]],
  )
  assert.deepEqual(table.scan.rowsWithReplicaOn(23), [rows[0]!])
  assert.deepEqual(table.scan.rowsWithReplicaOn(3), [rows[1]!])
})
