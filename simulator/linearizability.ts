/**
 * Is there an order of these operations, each between its call and its return, in which a single copy of the data would
 * have answered the same? The search of Wing and Gong with Lowe's memory of states that were seen before.
 *
 * An operation whose outcome is unknown may have taken effect at any time after its call, or never.
 */
export type Operation<Input, Output> = {
  readonly input: Input
  /** Null: unknown. */
  readonly output: Output | null
  readonly calledAt: number
  /** Infinite if it never returned. */
  readonly returnedAt: number
}

export type Model<State, Input, Output> = {
  readonly initial: State
  /** The state behind the operation; null if it cannot have answered so. With an unknown output everything goes. */
  step(state: State, input: Input, output: Output | null): { readonly state: State } | null
  /** True if what answered so changes nothing, in whatever state it did. To know it makes the search much shorter. */
  changesNothing?(input: Input, output: Output): boolean
  /** Equal for equal states only. */
  key(state: State): string
}

export type Verdict = 'linearizable' | 'violated' | 'undecided'

/** Gives up, undecided, after so many tries. */
const TRIES_MAX = 2_000_000

export function checkLinearizability<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  triesMax = TRIES_MAX,
): Verdict {
  return new Search(model, operations).run(triesMax)
}

/** A call or a return in the list of those that are not placed yet. Unknown operations have no return. */
type Event<Input, Output> = {
  readonly operation: Operation<Input, Output>
  readonly bit: bigint
  readonly isCall: boolean
  /** Of a call: the return that belongs to it. */
  partner: Event<Input, Output> | null
  before: Event<Input, Output> | null
  after: Event<Input, Output> | null
}

type Placed<State, Input, Output> = {
  readonly call: Event<Input, Output>
  readonly stateBefore: State
  /** It changes nothing: there was no other choice worth a try. */
  readonly forced: boolean
}

class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>
  readonly #head: Event<Input, Output>
  readonly #seen = new Set<string>()
  readonly #placed: Placed<State, Input, Output>[] = []
  #returnsLeft = 0
  #mask = 0n
  #state: State

  constructor(model: Model<State, Input, Output>, operations: readonly Operation<Input, Output>[]) {
    this.#model = model
    this.#state = model.initial
    const events = operations.flatMap((operation, i) => eventsOf(operation, 1n << BigInt(i)))
    events.sort((a, b) => timeOf(a) - timeOf(b) || Number(b.isCall) - Number(a.isCall))
    this.#head = link(events)
    this.#returnsLeft = events.filter(event => !event.isCall).length
  }

  run(triesMax: number): Verdict {
    let event = this.#head.after
    for (let tries = 0; this.#returnsLeft > 0; tries++) {
      if (tries > triesMax) return 'undecided'
      if (event?.isCall) event = this.#place(event) ? this.#head.after : event.after
      else {
        // A return whose call has no place: what was placed last must go elsewhere.
        const last = this.#takeBackToChoice()
        if (last === null) return 'violated'
        event = last.after
      }
    }
    return 'linearizable'
  }

  #place(call: Event<Input, Output>): boolean {
    const { input, output } = call.operation
    const next = this.#model.step(this.#state, input, output)
    if (next === null) return false
    const mask = this.#mask | call.bit
    const key = `${mask.toString(36)} ${this.#model.key(next.state)}`
    if (this.#seen.has(key)) return false
    this.#seen.add(key)
    const forced = output !== null && (this.#model.changesNothing?.(input, output) ?? false)
    this.#placed.push({ call, stateBefore: this.#state, forced })
    this.#state = next.state
    this.#mask = mask
    unlink(call)
    if (call.partner !== null) {
      unlink(call.partner)
      this.#returnsLeft -= 1
    }
    return true
  }

  /**
   * What could be placed and changes nothing has its best place there: to put it elsewhere cannot help. Returns the last
   * real choice, taken back; null if there was none.
   */
  #takeBackToChoice(): Event<Input, Output> | null {
    for (;;) {
      const last = this.#placed.pop()
      if (last === undefined) return null
      this.#takeBack(last)
      if (!last.forced) return last.call
    }
  }

  #takeBack({ call, stateBefore }: Placed<State, Input, Output>): void {
    this.#state = stateBefore
    this.#mask &= ~call.bit
    if (call.partner !== null) {
      relink(call.partner)
      this.#returnsLeft += 1
    }
    relink(call)
  }
}

function eventsOf<Input, Output>(operation: Operation<Input, Output>, bit: bigint): Event<Input, Output>[] {
  const call: Event<Input, Output> = {
    operation,
    bit,
    isCall: true,
    partner: null,
    before: null,
    after: null,
  }
  if (operation.returnedAt === Number.POSITIVE_INFINITY) return [call]
  const end: Event<Input, Output> = {
    operation,
    bit,
    isCall: false,
    partner: null,
    before: null,
    after: null,
  }
  call.partner = end
  return [call, end]
}

function timeOf<Input, Output>({ operation, isCall }: Event<Input, Output>): number {
  return isCall ? operation.calledAt : operation.returnedAt
}

/** Returns the head of the list, which is no event itself. */
function link<Input, Output>(events: readonly Event<Input, Output>[]): Event<Input, Output> {
  const head = { bit: 0n, isCall: true, partner: null, before: null, after: null } as unknown as Event<
    Input,
    Output
  >
  let last = head
  for (const event of events) {
    last.after = event
    event.before = last
    last = event
  }
  return head
}

function unlink<Input, Output>(event: Event<Input, Output>): void {
  event.before!.after = event.after
  if (event.after !== null) event.after.before = event.before
}

/** Undoes the last {@link unlink}; in the reverse order of unlinking. */
function relink<Input, Output>(event: Event<Input, Output>): void {
  event.before!.after = event
  if (event.after !== null) event.after.before = event
}
