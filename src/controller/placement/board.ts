import type { Wanted } from './wanted.ts'

/** Units that lie on nodes, each belonging to an item that says where else it may lie. Nodes and items are numbers. */
export type Board = {
  readonly items: number
  readonly loads: Int32Array
  readonly weights: readonly number[]
  /** Nodes in one group are open or closed to a unit together. */
  readonly groups: Int32Array
  /** How many items are not as they were. */
  readonly changes: number
  /** The nodes from which a unit of the item may go. */
  holders(item: number): ArrayLike<number>
  /** The first wanted node to which the unit may go, and of which `accept` is true; -1: none. */
  find(item: number, from: number, wanted: Wanted, accept: (node: number) => boolean): number
  /** What moving it so adds to the price of the whole plan: 1 for a new move, 0 or -1 where a planned one changes. */
  price(item: number, from: number, to: number): number
  isChanged(item: number): boolean
  changed(): number[]
  /** Changed items with a unit on the node, and maybe some without. */
  changedOn(node: number): readonly number[]
  move(item: number, from: number, to: number): void
}

/** Items of which nodes hold units: for each node, as it was when this was made. */
export class HolderIndex {
  readonly #starts: Int32Array
  readonly #items: Int32Array

  private constructor(starts: Int32Array, items: Int32Array) {
    this.#starts = starts
    this.#items = items
  }

  static *of(board: Board, itemsPerStep: number): Generator<void, HolderIndex> {
    const starts = new Int32Array(board.loads.length + 1)
    for (let item = 0; item < board.items; item++) {
      const holders = board.holders(item)
      for (let i = 0; i < holders.length; i++) starts[holders[i]! + 1]! += 1
      if (item % itemsPerStep === itemsPerStep - 1) yield
    }
    for (let node = 1; node < starts.length; node++) starts[node]! += starts[node - 1]!
    const items = new Int32Array(starts.at(-1)!)
    const ends = starts.slice()
    for (let item = 0; item < board.items; item++) {
      const holders = board.holders(item)
      for (let i = 0; i < holders.length; i++) items[ends[holders[i]!]!++] = item
      if (item % itemsPerStep === itemsPerStep - 1) yield
    }
    return new HolderIndex(starts, items)
  }

  itemsOn(node: number): Int32Array {
    return this.#items.subarray(this.#starts[node]!, this.#starts[node + 1]!)
  }
}
