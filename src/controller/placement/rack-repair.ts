import { type Assignments, ROWS_PER_STEP } from './assignments.ts'
import { mendsSpread } from './racks.ts'
import type { ReplicaBoard } from './replica-board.ts'

/** A broker of the rack that held the most replicas of a partition, and how many these were. */
export type Crowd = { readonly broker: number; readonly replicas: number }

export type RackRepairs = {
  readonly found: ReadonlyMap<number, Crowd>
  /** False: there is more to do than was allowed. */
  readonly all: boolean
}

/**
 * Moves replicas of partitions that lie closer together than they need to: from the rack that holds the most of them to
 * one that holds at least two less. Each such move is needed, so they are the fewest.
 */
export function* repairRacks(
  assignments: Assignments,
  board: ReplicaBoard,
  takers: readonly number[],
  changesMax: number,
): Generator<void, RackRepairs> {
  const repair = new RackRepair(board, assignments, takers)
  const found = new Map<number, Crowd>()
  if (!repair.hasRacks) return { found, all: true }
  for (let partition = 0; partition < assignments.count; partition++) {
    if (partition % ROWS_PER_STEP === ROWS_PER_STEP - 1) yield
    const crowd = repair.crowd(partition)
    if (crowd.replicas < 2) continue
    for (let move = repair.find(partition); move !== null; move = repair.find(partition)) {
      if (!found.has(partition) && assignments.changes >= changesMax) return { found, all: false }
      found.set(partition, crowd)
      board.move(partition, move.from, move.to)
    }
  }
  return { found, all: true }
}

class RackRepair {
  readonly #assignments: Assignments
  readonly #board: ReplicaBoard
  /** Brokers that get new replicas, by rack. */
  readonly #takers = new Map<number, number[]>()

  constructor(board: ReplicaBoard, assignments: Assignments, takers: readonly number[]) {
    this.#assignments = assignments
    this.#board = board
    for (const broker of takers) {
      const rack = board.groups[broker]!
      this.#takers.set(rack, [...(this.#takers.get(rack) ?? []), broker])
    }
  }

  get hasRacks(): boolean {
    return this.#takers.size > 1
  }

  crowd(partition: number): Crowd {
    const members = this.#assignments.at(partition)
    let [broker, replicas] = [-1, 0]
    for (let i = 0; i < members.length; i++) {
      const count = this.#inRackOf(members, members[i]!)
      if (count <= replicas) continue
      broker = members[i]!
      replicas = count
    }
    return { broker, replicas }
  }

  #inRackOf(members: Int32Array, broker: number): number {
    const rack = this.#board.groups[broker]
    return rack === undefined ? 0 : this.#board.countInRack(members, rack)
  }

  find(partition: number): { readonly from: number; readonly to: number } | null {
    const members = this.#assignments.at(partition)
    const holders = [...this.#board.holders(partition)].reverse()
    const from = best(holders, (a, b) => {
      const byCrowd = this.#inRackOf(members, b) - this.#inRackOf(members, a)
      return byCrowd || this.#level(b, 0) - this.#level(a, 0)
    })
    if (from === null) return null
    const crowd = this.#inRackOf(members, from)
    const to = best(this.#targets(members, crowd), (a, b) => {
      const byCrowd = this.#inRackOf(members, a) - this.#inRackOf(members, b)
      return byCrowd || this.#level(a, 1) - this.#level(b, 1)
    })
    return to === null ? null : { from, to }
  }

  #targets(members: Int32Array, crowd: number): number[] {
    const open = [...this.#takers].filter(([rack]) =>
      mendsSpread(crowd, this.#board.countInRack(members, rack)),
    )
    return open.flatMap(([, brokers]) => brokers.filter(broker => !members.includes(broker)))
  }

  #level(broker: number, more: number): number {
    return (this.#board.loads[broker]! + more) / this.#board.weights[broker]!
  }
}

function best(brokers: readonly number[], compare: (a: number, b: number) => number): number | null {
  return brokers.reduce<number | null>((a, b) => (a === null || compare(b, a) < 0 ? b : a), null)
}
