import { decodeEntry } from '../../src/consensus/entry-codec.ts'
import type { StoredEntry } from '../invariants/durable-log.ts'
import { violated } from '../invariants/violation.ts'
import { checkLinearizability, type Operation } from '../linearizability.ts'
import { operationOf } from './commands.ts'
import { perform, show, TOPIC_MODEL, type TopicInput, type TopicOutput, type TopicState } from './register.ts'

/** One call of a client. `input` is null for those that concern no topic. */
export type Call = {
  readonly operation: number
  readonly input: TopicInput | null
  readonly calledAt: number
  returnedAt: number
  outcome: 'open' | 'done' | 'refused' | 'unknown'
  output: TopicOutput | null
  /** Where it lies in the log, once it is committed. */
  index: number | null
}

/**
 * Everything that clients did and were told, and beside it one plain copy of the data that follows the committed
 * entries. What clients are told must be what that copy says (I20): no phantom, no lost or doubled write, no wrong answer.
 */
export class History {
  readonly calls: Call[] = []
  readonly #topics = new Map<string, { index: number; state: TopicState; output: TopicOutput }[]>()
  /** The highest index among writes that have returned: whatever is called later comes later. */
  #lastReturned: { index: number; at: number }[] = []

  call(input: TopicInput | null, now: number): Call {
    const call: Call = {
      operation: this.calls.length + 1,
      input,
      calledAt: now,
      returnedAt: Number.POSITIVE_INFINITY,
      outcome: 'open',
      output: null,
      index: null,
    }
    this.calls.push(call)
    return call
  }

  /** Follows the log: called for every entry, in order, when it is first known to be committed. */
  committed(index: number, entry: StoredEntry): void {
    const number = operationOf(decodeEntry(index, entry.record).data)
    if (number === null) return
    const call = this.calls[number - 1]
    if (call === undefined) return violated('I20', `entry ${index} is committed, and nobody wanted it`)
    if (call.outcome === 'refused')
      violated('I20', `operation ${number} was refused, and is committed at ${index} all the same`)
    if (call.index !== null)
      violated('I20', `operation ${number} is committed twice, at ${call.index} and ${index}`)
    call.index = index
    if (call.input === null) return
    const { state, output } = perform(this.at(call.input.topic, index), call.input)
    this.#versionsOf(call.input.topic).push({ index, state, output })
  }

  /** The topic as the log has it at this version. */
  at(topic: string, version: number): TopicState {
    return this.#versionsOf(topic).findLast(({ index }) => index <= version)?.state ?? null
  }

  #outputAt(topic: string, index: number): TopicOutput {
    return this.#versionsOf(topic).find(version => version.index === index)!.output
  }

  #versionsOf(topic: string) {
    const known = this.#topics.get(topic)
    if (known !== undefined) return known
    const versions: { index: number; state: TopicState; output: TopicOutput }[] = []
    this.#topics.set(topic, versions)
    return versions
  }

  // How calls end.

  /** A write was acknowledged at `index`. */
  acknowledged(call: Call, index: number, output: TopicOutput | null, now: number): void {
    if (call.index !== index)
      violated(
        'I20',
        `operation ${call.operation} is acknowledged at ${index}, but lies at ${call.index ?? 'no index'}`,
      )
    this.#comesAfterAllReturned(call, index)
    this.#lastReturned.push({ index, at: now })
    if (call.input !== null) {
      const expected = this.#outputAt(call.input.topic, index)
      if (show(output!) !== show(expected))
        violated(
          'I20',
          `operation ${call.operation} is told ${show(output!)}, the log says ${show(expected)}`,
        )
    }
    this.done(call, output, now)
  }

  /** The log is an order of all writes that real time agrees with. */
  #comesAfterAllReturned(call: Call, index: number): void {
    const later = this.#lastReturned.find(returned => returned.index >= index && returned.at < call.calledAt)
    if (later !== undefined)
      violated(
        'I20',
        `operation ${call.operation} lies at ${index}, before one at ${later.index} that had returned`,
      )
  }

  done(call: Call, output: TopicOutput | null, now: number): void {
    call.outcome = 'done'
    call.output = output
    call.returnedAt = now
  }

  /** The caller is told that it did not happen. */
  refused(call: Call): void {
    call.outcome = 'refused'
    if (call.index !== null)
      violated('I20', `operation ${call.operation} is refused, but it is committed at ${call.index}`)
  }

  unknown(call: Call): void {
    call.outcome = 'unknown'
  }

  // The end.

  /**
   * I20 for each topic by itself. By now every log is equal and at rest, so of a write that got no answer it is known
   * whether it took effect, and what its answer would have been; only its time is open. That keeps the search short.
   */
  checkLinearizability(): { keys: number; undecided: number } {
    const topics = new Map<string, Operation<TopicInput, TopicOutput>[]>()
    for (const { input, outcome, output, calledAt, returnedAt, index } of this.calls) {
      const isRead = input?.kind === 'read'
      if (input === null || (isRead ? outcome !== 'done' : index === null)) continue
      const returned = outcome === 'done'
      const operation = {
        input,
        output: returned ? output : this.#outputAt(input.topic, index!),
        calledAt,
        returnedAt: returned ? returnedAt : Number.POSITIVE_INFINITY,
      }
      topics.set(input.topic, [...(topics.get(input.topic) ?? []), operation])
    }
    let undecided = 0
    for (const [topic, operations] of topics) {
      const verdict = checkLinearizability(TOPIC_MODEL, operations)
      if (verdict === 'violated') violated('I20', `the history of ${topic} is not linearizable`)
      if (verdict === 'undecided') undecided += 1
    }
    return { keys: topics.size, undecided }
  }
}
