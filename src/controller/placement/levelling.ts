import { assert } from '../../base/assert.ts'
import { type Board, HolderIndex } from './board.ts'
import { Bounds } from './bounds.ts'
import { Chains, ITEMS_PER_STEP } from './chains.ts'
import { itemOrder } from './item-order.ts'
import { Wanted } from './wanted.ts'

/**
 * Brings the loads of nodes as close to their shares as the items allow, with as few moves as that takes.
 *
 * It is a flow of least cost. A node above its share gives to one below: first wherever one move does it, for all items
 * in turn, then along chains of moves. Where no chain leads from the nodes that are too high to those that are too low, what
 * the chains reach is a part for itself, which can give nothing to the rest: then each part is levelled to its own
 * mean. (Racks do that: with three racks and three replicas each rack holds a third, however many brokers it has.)
 */
export class Levelling {
  readonly #board: Board
  readonly #changesMax: number
  /** The shares of the nodes, rounded down and up. */
  readonly low: Int32Array
  readonly high: Int32Array
  #index: HolderIndex | null = null

  constructor(board: Board, changesMax: number) {
    this.#board = board
    this.#changesMax = changesMax
    this.low = new Int32Array(board.loads.length)
    this.high = new Int32Array(board.loads.length)
  }

  /** False: there is more to do than was allowed. */
  *level(nodes: readonly number[]): Generator<void, boolean> {
    const parts = [nodes]
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      const bounds = new Bounds(this.#board, part, this.low, this.high)
      yield* this.#redirect(bounds)
      while (!bounds.areMet && (yield* this.#moveDirectly(bounds)));
      if (bounds.areMet) continue
      this.#index ??= yield* HolderIndex.of(this.#board, ITEMS_PER_STEP)
      const chains = new Chains(this.#board, bounds, this.#index)
      while (!bounds.areMet) {
        if (this.#board.changes >= this.#changesMax) return false
        if (yield* chains.follow(() => this.#board.changes < this.#changesMax)) continue
        parts.push(...split(part, chains))
        break
      }
    }
    return true
  }

  /** What was moved already may be taken back, or may as well go elsewhere: that costs less than nothing, or nothing. */
  *#redirect(bounds: Bounds): Generator<void> {
    if (this.#board.changes === 0) return
    const changed = this.#board.changed()
    const taken = this.#passOver(bounds)
    for (const item of changed) this.#takeBack(item, taken)
    yield* new Chains(this.#board, bounds, null).takeBack()
    if (bounds.areMet) return
    const pass = this.#passOver(bounds)
    for (const item of changed) this.#moveOne(item, pass, 0)
    const chains = new Chains(this.#board, bounds, null)
    while (!bounds.areMet && (yield* chains.follow(() => true)));
  }

  #takeBack(item: number, { bounds, part, roomy }: Pass): void {
    const holders = this.#board.holders(item)
    for (let i = 0; i < holders.length; i++) {
      const from = holders[i]!
      if (!part.has(from) || this.#board.loads[from]! <= bounds.low[from]!) continue
      const to = this.#board.find(item, from, roomy, other => this.#board.price(item, from, other) < 0)
      if (to < 0) continue
      this.#board.move(item, from, to)
      if (bounds.above(to) >= 0) roomy.remove(to)
      return
    }
  }

  /** One pass over all items. Returns whether it moved anything, and may go on. */
  *#moveDirectly(bounds: Bounds): Generator<void, boolean> {
    const { items } = this.#board
    const pass = this.#passOver(bounds)
    const order = itemOrder(items)
    let moved = false
    for (let i = 0; i < items; i++) {
      if (this.#board.changes >= this.#changesMax || (pass.low.size === 0 && pass.spare <= 0)) return false
      if (this.#moveOne(order(i), pass, 1)) moved = true
      if (i % ITEMS_PER_STEP === ITEMS_PER_STEP - 1) yield
    }
    return moved
  }

  #passOver(bounds: Bounds): Pass {
    const { loads, groups } = this.#board
    const { nodes, spare } = bounds
    const low = nodes.filter(node => bounds.below(node) > 0)
    const roomy = nodes.filter(node => loads[node]! < bounds.high[node]!)
    return {
      bounds,
      spare,
      part: new Wanted(nodes, groups),
      low: new Wanted(low, groups),
      roomy: new Wanted(roomy, groups),
    }
  }

  /** Followers first: who leads has more to do with the clients. */
  #moveOne(item: number, pass: Pass, priceMax: number): boolean {
    const { part, bounds, low, roomy } = pass
    const holders = this.#board.holders(item)
    for (let i = holders.length - 1; i >= 0; i--) {
      const from = holders[i]!
      if (!part.has(from)) continue
      const isAbove = bounds.above(from) > 0
      const gives = isAbove || (pass.spare < 0 && this.#board.loads[from]! > bounds.low[from]!)
      if (!gives) continue
      if (low.size > 0 && this.#moveTo(item, from, low, pass, priceMax)) {
        if (!isAbove) pass.spare += 1
        return true
      }
      if (isAbove && pass.spare > 0 && this.#moveTo(item, from, roomy, pass, priceMax)) {
        pass.spare -= 1
        return true
      }
    }
    return false
  }

  #moveTo(
    item: number,
    from: number,
    wanted: Wanted,
    { bounds, low, roomy }: Pass,
    priceMax: number,
  ): boolean {
    const isCheap = (to: number) => priceMax > 0 || this.#board.price(item, from, to) <= priceMax
    const to = this.#board.find(item, from, wanted, isCheap)
    if (to < 0) return false
    this.#board.move(item, from, to)
    wanted.turn += 1
    if (bounds.below(to) <= 0) low.remove(to)
    if (bounds.above(to) >= 0) roomy.remove(to)
    return true
  }
}

type Pass = {
  readonly bounds: Bounds
  readonly part: Wanted
  /** Who is below its share, and who may get more. */
  readonly low: Wanted
  readonly roomy: Wanted
  /** Of the bounds, as it is after each move. */
  spare: number
}

/** After a search in vain: what it reached, and the rest. */
function split(nodes: readonly number[], chains: Chains): number[][] {
  const reached = nodes.filter(node => chains.isReached(node))
  const others = nodes.filter(node => !chains.isReached(node))
  assert(reached.length > 0 && others.length > 0, 'what is too low cannot be reached')
  return [reached, others]
}
