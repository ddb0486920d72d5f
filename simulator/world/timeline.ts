/**
 * The one queue of everything that is going to happen, in virtual milliseconds. What is due at the same moment happens
 * in the order in which it was planned, so a run depends on nothing but its seed.
 */
export class Timeline {
  now = 0
  readonly #heap: Planned[] = []
  #planned = 0

  get size(): number {
    return this.#heap.length
  }

  at(time: number, run: () => void): Planned {
    const planned = { time: Math.max(time, this.now), order: ++this.#planned, run, cancelled: false }
    this.#heap.push(planned)
    this.#rise(this.#heap.length - 1)
    return planned
  }

  after(delayMs: number, run: () => void): Planned {
    return this.at(this.now + delayMs, run)
  }

  /** Moves time to what is next, if that is due by `end`, and takes it out. */
  next(end: number): Planned | null {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || first.time > end) return null
      this.#removeFirst()
      if (first.cancelled) continue
      this.now = first.time
      return first
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop()!
    if (this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink()
  }

  #rise(position: number): void {
    const heap = this.#heap
    const item = heap[position]!
    let at = position
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(item, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = item
  }

  #sink(): void {
    const heap = this.#heap
    const item = heap[0]!
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1
      if (!before(heap[child]!, item)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = item
  }
}

export type Planned = {
  readonly time: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
}

function before(a: Planned, b: Planned): boolean {
  return a.time !== b.time ? a.time < b.time : a.order < b.order
}

/**
 * Resolves when every promise callback that is ready, and all that those make ready, has run: ticks wait until the queue
 * of promise callbacks is empty. Four times as fast as a turn of the event loop.
 */
export function settled(): Promise<void> {
  return new Promise(resolve => process.nextTick(resolve))
}
