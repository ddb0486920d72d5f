import { DmqError } from '../../src/base/errors.ts'
import type { Committed } from '../../src/consensus/proposals.ts'
import type { Applied } from '../../src/metadata/metadata.ts'
import type { Chance } from '../chance.ts'
import type { Machine } from '../cluster/machine.ts'
import type { MetadataProcess } from '../cluster/metadata-process.ts'
import { violated } from '../invariants/violation.ts'
import { flipBroker, outputOf, type Request, requestOf, stateOf } from './commands.ts'
import type { Call } from './history.ts'
import { readLinearizably } from './linearizable-read.ts'
import { show, type TopicInput } from './register.ts'
import type { Workload } from './workload.ts'

const BURST_MAX = 20

type Write = Exclude<TopicInput, { kind: 'read' }>

/** One client: one operation at a time, now at this node and now at that, with pauses in between. */
export class Client {
  readonly #workload: Workload
  readonly #chance: Chance
  /** Those that have no successor, and what comes once they are done. */
  readonly #oneOfMany = new Map<Call, () => void>()
  /** The newest change of its own that it knows of. */
  #ownVersion = 0

  constructor(workload: Workload, chance: Chance) {
    this.#workload = workload
    this.#chance = chance
  }

  start(): void {
    this.#rest(null)
  }

  /** The next operation, some time after this one; what is one of many at once has no successor. */
  #rest(call: Call | null): void {
    const { timeline, plan } = this.#workload
    const then = call === null ? undefined : this.#oneOfMany.get(call)
    if (then !== undefined) {
      this.#oneOfMany.delete(call!)
      if (call!.outcome === 'done') then()
      return
    }
    timeline.after(this.#chance.exponential(plan.thinkMs), () => {
      if (this.#workload.stopped) return
      this.#act()
    })
  }

  #act(): void {
    const chance = this.#chance
    const topic = `topic-${chance.between(1, this.#workload.plan.topics)}`
    const draw = chance.fraction()
    if (draw < this.#workload.plan.burstShare)
      this.burst(this.#workload.target(chance), chance.between(5, BURST_MAX))
    if (draw < 0.05) return this.#flip()
    if (draw < 0.25) return this.#readLocally(topic)
    if (draw < 0.45) return this.#readLinearizably(topic)
    return this.#write(this.#drawWrite(topic))
  }

  #drawWrite(topic: string): Write {
    const number = this.#workload.history.calls.length
    const draw = this.#chance.fraction()
    if (draw < 0.25) return { kind: 'create', topic, id: `id-${number}`, retention: String(number) }
    if (draw < 0.4) return { kind: 'delete', topic }
    const key = this.#chance.pick(['retention', 'segment'] as const)
    return { kind: 'set', topic, key, value: String(1_000 + number) }
  }

  // Writes.

  /** More than the limits of a leader may take. */
  burst(machine: Machine, count: number): void {
    const topic = `topic-${this.#chance.between(1, this.#workload.plan.topics)}`
    for (let i = 0; i < count; i++) this.#write(this.#drawWrite(topic), machine)
  }

  #write(input: Write, oneOfManyAt: Machine | null = null, then = (): void => {}): void {
    const { history } = this.#workload
    const call = history.call(input, this.#workload.timeline.now)
    if (oneOfManyAt !== null) this.#oneOfMany.set(call, then)
    const machine = oneOfManyAt ?? this.#workload.target(this.#chance)
    this.#propose(machine, call, process => requestOf(input, call.operation, process.clock.epoch()))
  }

  /** One node writes, and one that may still think that it leads is asked to read: it must not answer from the past. */
  contest(newer: Machine, older: Machine): void {
    const topic = `topic-${this.#chance.between(1, this.#workload.plan.topics)}`
    this.#write(this.#drawWrite(topic), newer, () => this.#readLinearizably(topic, older))
  }

  #flip(): void {
    const call = this.#workload.history.call(null, this.#workload.timeline.now)
    const brokerId = this.#chance.pick([2, 3])
    this.#propose(this.#workload.target(this.#chance), call, ({ node, clock }) =>
      flipBroker(node!.replica.image, brokerId, call.operation, clock.epoch()),
    )
  }

  #propose(machine: Machine, call: Call, requestAt: (process: MetadataProcess) => Request): void {
    const { plan, coverage } = this.#workload
    this.#send(machine, call, process => {
      const { type, data } = requestAt(process)
      process.proposed()
      process.node!.consensus.propose(type, data, plan.proposalTimeoutMs).then(
        committed => this.#answer(call, () => this.#committed(call, committed)),
        error => this.#answer(call, () => this.#failed(call, error)),
      )
    })
    // The connection to the node is gone, or the client has waited long enough.
    this.#workload.timeline.after(2 * plan.proposalTimeoutMs, () => {
      if (call.outcome !== 'open') return
      coverage.add('proposalsUnknown')
      this.#workload.history.unknown(call)
      this.#rest(call)
    })
  }

  #committed(call: Call, { index, result }: Committed): void {
    const { history, coverage, timeline } = this.#workload
    const applied = result as Applied | null
    if (applied === null)
      return violated('I20', `operation ${call.operation} is answered by an entry of nobody`)
    const output = call.input === null ? null : outputOf(call.input, applied)
    coverage.add('rejected' in applied ? 'proposalsRejected' : 'proposalsAcknowledged')
    history.acknowledged(call, index, output, timeline.now)
    if ('changes' in applied && applied.changes.length > 0)
      this.#ownVersion = Math.max(this.#ownVersion, index)
    this.#rest(call)
  }

  /** Only what says so has surely not happened; of all else the outcome is unknown. */
  #failed(call: Call, error: unknown): void {
    const { history, coverage } = this.#workload
    const refused = error instanceof DmqError && surelyNotDone(error)
    if (refused && error.message.includes('wrote over')) coverage.add('proposalsOverwritten')
    coverage.add(refused ? 'proposalsRefused' : 'proposalsUnknown')
    if (refused) history.refused(call)
    else history.unknown(call)
    this.#rest(call)
  }

  // Reads.

  /** The committed state of the node asked, at the version that it names; with its own writes, if it asks for them. */
  #readLocally(topic: string): void {
    const { history, plan, coverage, timeline } = this.#workload
    const call = history.call(null, timeline.now)
    const least = this.#chance.happens(0.5) ? this.#ownVersion : 0
    this.#send(this.#workload.target(this.#chance), call, ({ node, nodeId }) => {
      node!.replica.reached(least, plan.proposalTimeoutMs).then(reached => {
        const { image } = node!.replica
        const told = show(stateOf(image.topic(topic)))
        const version = image.version
        this.#answer(call, () => {
          coverage.add('localReads')
          history.done(call, null, timeline.now)
          if (reached && version < least)
            violated('I20', `node ${nodeId} answers at version ${version}, asked for ${least}`)
          const expected = show(history.at(topic, version))
          if (told !== expected)
            violated(
              'I20',
              `node ${nodeId} has ${told} for ${topic} at version ${version}, the log says ${expected}`,
            )
          this.#rest(call)
        })
      })
    })
    this.#giveUpLater(call)
  }

  #readLinearizably(topic: string, oneOfManyAt: Machine | null = null): void {
    const { history, coverage, timeline, plan } = this.#workload
    const call = history.call({ kind: 'read', topic }, timeline.now)
    if (oneOfManyAt !== null) this.#oneOfMany.set(call, () => {})
    this.#send(oneOfManyAt ?? this.#workload.target(this.#chance), call, process => {
      const failed = (): void =>
        this.#answer(call, () => {
          history.refused(call)
          this.#rest(call)
        })
      readLinearizably(process, plan.proposalTimeoutMs, image => stateOf(image.topic(topic))).then(
        state =>
          this.#answer(call, () => {
            coverage.add('linearizableReads')
            history.done(call, { existed: state !== null, state }, timeline.now)
            this.#rest(call)
          }),
        failed,
      )
    })
    this.#giveUpLater(call)
  }

  #giveUpLater(call: Call): void {
    const { timeline, plan, history } = this.#workload
    timeline.after(2 * plan.proposalTimeoutMs, () => {
      if (call.outcome !== 'open') return
      history.unknown(call)
      this.#rest(call)
    })
  }

  // The way there and back.

  #send(machine: Machine, call: Call, run: (process: MetadataProcess) => void): void {
    const { timeline, history } = this.#workload
    timeline.after(this.#workload.latency(this.#chance), () => {
      const process = machine.process
      if (process === null || process.node === null)
        return this.#answer(call, () => {
          history.refused(call)
          this.#rest(call)
        })
      process.life.enter('call', () => run(process))
    })
  }

  #answer(call: Call, run: () => void): void {
    this.#workload.timeline.after(this.#workload.latency(this.#chance), () => {
      if (call.outcome === 'open') run()
    })
  }
}

function surelyNotDone({ code }: DmqError): boolean {
  return code === 'OVERLOADED' || code === 'NOT_CONTROLLER'
}
