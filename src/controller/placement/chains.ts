import { assert } from '../../base/assert.ts'
import type { Board, HolderIndex } from './board.ts'
import type { Bounds } from './bounds.ts'
import { Wanted } from './wanted.ts'

const FAR = 1 << 29
/** Items that are looked at between two turns of the event loop. */
export const ITEMS_PER_STEP = 16_384

const NONE = -1

type Link = { readonly item: number; readonly from: number; readonly to: number }

/** Items that lie on a node, of which some can go to another at a price; those before `at` cannot. */
type Candidates = {
  readonly from: number
  readonly to: number
  readonly items: ArrayLike<number>
  readonly isNew: boolean
  readonly price: number
  at: number
}

/**
 * The cheapest chains of moves (a to b, so that another goes from b to c) from nodes that are too high to such as are too
 * low, one after the other. A chain also redirects or takes back what was moved before.
 *
 * The pool is one more node. A node may end at its share rounded down or rounded up: who is below its upper bound may put
 * a unit into the pool, who is above its lower may take one out, at no cost.
 *
 * The first search finds what it costs to reach each node. With these potentials no link has a negative price, so that
 * later searches (Dijkstra's) end at the cheapest chain.
 */
export class Chains {
  readonly #board: Board
  readonly #bounds: Bounds
  readonly #index: HolderIndex | null
  readonly #pool: number
  readonly #prices: Int32Array
  readonly #open: Uint8Array
  /** Over which node, and with which item, each is reached at that price; without an item to and from the pool. */
  readonly #viaNode: Int32Array
  readonly #viaItem: Int32Array
  readonly #potentials: Int32Array
  #endPotential = 0
  /** Found by the way. */
  #ring: Link[] | null = null
  #isFirst = true
  /** Nodes that chains lead to; before the first search all. What cannot be reached once never can be. */
  #reachable: Wanted
  /** Items that would occur twice in a chain, and could not the second time. */
  readonly #barred = new Set<number>()
  #looked = 0

  /** Without an index: only chains of what was moved already, which cost nothing. */
  constructor(board: Board, bounds: Bounds, index: HolderIndex | null) {
    this.#board = board
    this.#bounds = bounds
    this.#index = index
    this.#pool = board.loads.length
    this.#prices = new Int32Array(this.#pool + 1)
    this.#open = new Uint8Array(this.#pool + 1)
    this.#viaNode = new Int32Array(this.#pool + 1)
    this.#viaItem = new Int32Array(this.#pool + 1)
    this.#potentials = new Int32Array(this.#pool + 1)
    this.#reachable = new Wanted(bounds.nodes, board.groups)
  }

  /**
   * Makes the moves of the cheapest chains: one to each end that one search finds at the same price; and, as long as
   * `mayGoOn`, those of other items along the same nodes. False: there is none.
   */
  *follow(mayGoOn: () => boolean): Generator<void, boolean> {
    for (;;) {
      const ends = yield* this.#search()
      if (ends.length === 0) return false
      const chains = ends.map(end => this.#chainTo(end))
      let moved = 0
      const used = new Set<number>()
      for (const chain of chains) {
        const isFree = chain.every(({ item }) => !used.has(item))
        if (moved > 0 && !(isFree && mayGoOn() && this.#hasMore(chain))) continue
        for (const { item } of chain) used.add(item)
        for (const item of yield* this.#followOne(chain, mayGoOn)) {
          used.add(item)
          moved += 1
        }
      }
      if (moved === 0) continue
      this.#barred.clear()
      return true
    }
  }

  /** Returns the items that it moved. */
  *#followOne(chain: readonly Link[], mayGoOn: () => boolean): Generator<void, number[]> {
    const likewise = this.#likewise(chain)
    const items: number[] = []
    for (let next: readonly Link[] | null = chain; next !== null && this.#move(next); next = likewise()) {
      for (const { item } of next) items.push(item)
      if (!mayGoOn() || !this.#hasMore(chain)) break
      yield
    }
    return items
  }

  /** Whether the ends of the chain are still too high and too low. Chains over the pool are not repeated. */
  #hasMore(chain: readonly Link[]): boolean {
    const leadsOverPool = chain.some(({ from }, i) => i > 0 && chain[i - 1]!.to !== from)
    return (
      !leadsOverPool && this.#bounds.above(chain[0]!.from) > 0 && this.#bounds.below(chain.at(-1)!.to) > 0
    )
  }

  /** Gives chains over the same nodes with other items, until there are no more. */
  #likewise(chain: readonly Link[]): () => Link[] | null {
    const candidates = chain.map(({ item, from, to }) => {
      const isNew = !this.#board.isChanged(item)
      const items = isNew && this.#index !== null ? this.#index.itemsOn(from) : this.#board.changedOn(from)
      return { from, to, items, at: 0, isNew, price: this.#board.price(item, from, to) }
    })
    return () => {
      const next: Link[] = []
      for (const link of candidates) {
        const item = this.#nextItem(link)
        if (item === null || next.some(other => other.item === item)) return null
        next.push({ item, from: link.from, to: link.to })
      }
      return next
    }
  }

  #nextItem(link: Candidates): number | null {
    const { items, from, to, isNew, price } = link
    for (; link.at < items.length; link.at++) {
      const item = items[link.at]!
      if (isNew === this.#board.isChanged(item) || !this.#mayMove(item, from, to)) continue
      if (this.#board.price(item, from, to) <= price) return item
    }
    return null
  }

  /**
   * Takes back what need not have been moved: rings of moves that leave all nodes within their bounds, and cost less than
   * nothing. There are such when the bounds have changed since.
   */
  *takeBack(): Generator<void> {
    for (;;) {
      this.#ring = null
      this.#prices.fill(0)
      this.#viaNode.fill(NONE)
      this.#open.fill(0)
      for (const node of [...this.#bounds.nodes, this.#pool]) this.#open[node] = 1
      for (let node = this.#cheapestOpen(); node >= 0 && this.#ring === null; node = this.#cheapestOpen()) {
        this.#open[node] = 0
        yield* this.#leaveFrom(node)
      }
      const ring = this.#ring as Link[] | null
      if (ring === null) break
      const twice = repeated(ring)
      // Its price may not be what it seems.
      if (twice !== null) this.#barred.add(twice)
      else this.#move(ring)
    }
    this.#barred.clear()
  }

  /** After a search in vain: whether a chain leads to the node. */
  isReached(node: number): boolean {
    return this.#prices[node]! < FAR
  }

  /** Returns where the cheapest chains end; nothing: there is none. */
  *#search(): Generator<void, number[]> {
    const ends = this.#begin()
    const endPrice = (end: number) => this.#prices[end]! + this.#potentials[end]! - this.#endPotential
    const cheapest = () => ends.reduce((a, b) => (endPrice(a) <= endPrice(b) ? a : b))
    for (let node = this.#cheapestOpen(); node >= 0; node = this.#cheapestOpen()) {
      if (!this.#isFirst && this.#prices[node]! >= endPrice(cheapest())) break
      this.#open[node] = 0
      yield* this.#leaveFrom(node)
    }
    const end = cheapest()
    if (this.#prices[end]! >= FAR) return []
    // A price counts from the starts; what potentials hide is in that of the end.
    const price = endPrice(end)
    if (this.#index === null && this.#endPotential + price > 0) return []
    const cheap = ends.filter(other => this.isReached(other) && endPrice(other) === price)
    this.#raisePotentials(price)
    return cheap
  }

  /** Starts at what is too high. Returns the ends: what is too low. */
  #begin(): number[] {
    const { nodes, spare } = this.#bounds
    this.#prices.fill(FAR)
    this.#viaNode.fill(NONE)
    this.#open.fill(0)
    const starts = nodes.filter(node => this.#bounds.above(node) > 0)
    const ends = nodes.filter(node => this.#bounds.below(node) > 0)
    if (spare < 0) starts.push(this.#pool)
    if (spare > 0) ends.push(this.#pool)
    for (const start of starts) this.#offer(start, Math.max(0, -this.#potentials[start]!), NONE, NONE)
    return ends
  }

  #cheapestOpen(): number {
    let best = this.#open[this.#pool] === 1 ? this.#pool : -1
    for (const node of this.#bounds.nodes)
      if (this.#open[node] === 1 && (best < 0 || this.#prices[node]! < this.#prices[best]!)) best = node
    return best
  }

  #raisePotentials(endPrice: number): void {
    if (this.#isFirst)
      this.#reachable = new Wanted(
        this.#bounds.nodes.filter(node => this.isReached(node)),
        this.#board.groups,
      )
    for (const node of [...this.#bounds.nodes, this.#pool])
      if (!this.#isFirst) this.#potentials[node]! += Math.min(this.#prices[node]!, endPrice)
      else if (this.isReached(node)) this.#potentials[node] = this.#prices[node]!
    this.#endPotential += endPrice
    this.#isFirst = false
  }

  #offer(node: number, price: number, viaNode: number, viaItem: number): void {
    this.#prices[node] = price
    this.#viaNode[node] = viaNode
    this.#viaItem[node] = viaItem
    this.#open[node] = 1
  }

  /** Reaches a node by way of another. Returns whether that is cheaper than what is known. */
  #extend(from: number, to: number, item: number, price: number): boolean {
    const step = price + this.#potentials[from]! - this.#potentials[to]!
    const sum = this.#prices[from]! + (this.#isFirst ? price : Math.max(0, step))
    if (sum >= this.#prices[to]! || (this.#isFirst && this.#closesRing(from, to, item))) return false
    this.#offer(to, sum, from, item)
    return true
  }

  /** Whether the chain to `from` comes from `to`: such a ring has a price below zero, and is no way to anywhere. */
  #closesRing(from: number, to: number, item: number): boolean {
    let node = from
    while (node !== to && this.#viaNode[node]! !== NONE) node = this.#viaNode[node]!
    if (node !== to) return false
    const links = this.#chainTo(from, to)
    this.#ring ??= item === NONE ? links : [...links, { item, from, to }]
    return true
  }

  *#leaveFrom(node: number): Generator<void> {
    if (node === this.#pool) this.#leavePool()
    else yield* this.#leave(node)
  }

  #leavePool(): void {
    const { low } = this.#bounds
    for (const to of this.#reachable.nodes())
      if (this.#board.loads[to]! > low[to]!) this.#extend(this.#pool, to, NONE, 0)
  }

  *#leave(from: number): Generator<void> {
    if (this.#board.loads[from]! < this.#bounds.high[from]!) this.#extend(from, this.#pool, NONE, 0)
    if (this.#index !== null) yield* this.#leaveAnew(from, this.#index.itemsOn(from))
    for (const item of this.#board.changedOn(from)) {
      if (++this.#looked % ITEMS_PER_STEP === 0) yield
      if (includes(this.#board.holders(item), from)) this.#extendWith(item, from, this.#reachable)
    }
  }

  /** With the items that lie as they lay. */
  *#leaveAnew(from: number, items: Int32Array): Generator<void> {
    const wanted = this.#cheaperOver(from)
    for (let i = 0; i < items.length && wanted.size > 0; i++) {
      if (++this.#looked % ITEMS_PER_STEP === 0) yield
      if (this.#board.isChanged(items[i]!)) continue
      for (const to of this.#extendWith(items[i]!, from, wanted)) wanted.remove(to)
    }
  }

  /** Those for which an item that lies as it lay would be cheaper than what is known. */
  #cheaperOver(from: number): Wanted {
    const sum = this.#prices[from]! + 1
    const isCheaper = (to: number) =>
      Math.max(sum - 1, sum + this.#potentials[from]! - this.#potentials[to]!) < this.#prices[to]!
    return new Wanted(this.#reachable.nodes().filter(isCheaper), this.#board.groups)
  }

  #extendWith(item: number, from: number, wanted: Wanted): number[] {
    const reached: number[] = []
    if (this.#barred.has(item)) return reached
    this.#board.find(item, from, wanted, to => {
      if (this.#extend(from, to, item, this.#board.price(item, from, to))) reached.push(to)
      return false
    })
    return reached
  }

  #chainTo(end: number, start = NONE): Link[] {
    const chain: Link[] = []
    for (let to = end; to !== start && this.#viaNode[to] !== NONE; to = this.#viaNode[to]!) {
      const [item, from] = [this.#viaItem[to]!, this.#viaNode[to]!]
      if (item !== NONE) chain.push({ item, from, to })
      assert(chain.length <= this.#pool, 'a chain ends')
    }
    return chain.reverse()
  }

  /** False: an item occurs twice, and the first time left it so that the second cannot be. */
  #move(chain: readonly Link[]): boolean {
    const isSimple = repeated(chain) === null
    for (const [done, { item, from, to }] of chain.entries()) {
      if (isSimple || this.#mayMove(item, from, to)) {
        this.#board.move(item, from, to)
        continue
      }
      for (const undo of chain.slice(0, done).reverse()) this.#board.move(undo.item, undo.to, undo.from)
      this.#barred.add(item)
      return false
    }
    return true
  }

  #mayMove(item: number, from: number, to: number): boolean {
    const target = new Wanted([to], this.#board.groups)
    return (
      includes(this.#board.holders(item), from) && this.#board.find(item, from, target, () => true) === to
    )
  }
}

/** An item that occurs twice. */
function repeated(chain: readonly Link[]): number | null {
  const items = chain.map(({ item }) => item)
  return items.find((item, i) => items.indexOf(item) < i) ?? null
}

function includes(nodes: ArrayLike<number>, node: number): boolean {
  for (let i = 0; i < nodes.length; i++) if (nodes[i] === node) return true
  return false
}
