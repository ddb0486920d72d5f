import type { Chance } from '../chance.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Machine } from '../cluster/machine.ts'
import type { Coverage } from '../coverage.ts'
import type { Plan } from '../plan.ts'
import type { Timeline } from '../world/timeline.ts'
import { Client } from './client.ts'
import { BROKERS, registerBroker } from './commands.ts'
import type { History } from './history.ts'

const RETRY_MS = 20
const CONTESTS = 10

/** The clients, and what they share. */
export class Workload {
  readonly cluster: Cluster
  readonly timeline: Timeline
  readonly history: History
  readonly coverage: Coverage
  stopped = false
  /** All brokers are registered. Before, a topic that is created is rejected, which the model of a topic does not know. */
  #begun = false
  readonly #chance: Chance

  constructor(cluster: Cluster, chance: Chance, history: History, coverage: Coverage) {
    this.cluster = cluster
    this.timeline = cluster.timeline
    this.history = history
    this.coverage = coverage
    this.#chance = chance
  }

  get plan(): Plan {
    return this.cluster.plan
  }

  /** Registers the brokers first, one after the other, however long it takes; then the clients begin. */
  start(): void {
    this.#register([...BROKERS], () => {
      this.#begun = true
      for (let i = 0; i < this.plan.clients; i++) new Client(this, this.#chance.fork()).start()
    })
  }

  get #open(): boolean {
    return this.#begun && !this.stopped
  }

  #register(brokers: readonly number[], then: () => void): void {
    const [broker, ...rest] = brokers
    if (broker === undefined) return then()
    const again = (): void => void this.timeline.after(RETRY_MS, () => this.#register(brokers, then))
    this.write(
      (operation, time) => registerBroker(broker, operation, time),
      () => this.#register(rest, then),
      again,
    )
  }

  /** One write that concerns no topic, at the leader if there is one. */
  write(
    request: (operation: number, time: number) => ReturnType<typeof registerBroker>,
    done: () => void,
    failed: () => void,
  ): void {
    const process = this.leader()?.process ?? null
    if (process === null || process.life.paused) return failed()
    const call = this.history.call(null, this.timeline.now)
    let over = false
    const once = (run: () => void) => (): void => {
      if (over) return
      over = true
      run()
    }
    this.timeline.after(2 * this.plan.proposalTimeoutMs, once(failed))
    process.life.enter('call', () => {
      const { type, data } = request(call.operation, process.clock.epoch())
      process.node!.consensus.propose(type, data, this.plan.proposalTimeoutMs).then(once(done), once(failed))
    })
  }

  /** Somebody has come to lead: whoever led before is asked again and again what it still believes. */
  contest(elected: Machine): void {
    const { electionTimeoutMs } = this.plan.raft
    const client = new Client(this, this.#chance.fork())
    for (const older of this.cluster.machines) {
      if (older === elected || older.process?.led !== true) continue
      // It does not believe for long: soon, and then at longer and longer intervals.
      for (let i = 0; i < CONTESTS; i++) {
        this.timeline.after((i / CONTESTS) ** 2 * electionTimeoutMs, () => {
          if (this.#open) client.contest(elected, older)
        })
      }
    }
  }

  burst(at: Machine, count: number): void {
    if (this.#open) new Client(this, this.#chance.fork()).burst(at, count)
  }

  /** Mostly who leads, often enough anybody. */
  target(chance: Chance): Machine {
    const leader = chance.happens(0.8) ? this.leader() : null
    return leader ?? chance.pick(this.cluster.inService)
  }

  /** The newest of those that think that they lead. */
  leader(): Machine | null {
    let newest: Machine | null = null
    let term = -1
    for (const machine of this.cluster.machines) {
      const leadership = machine.process?.node?.consensus.leadership
      if (leadership?.role !== 'LEADER' || leadership.term <= term) continue
      newest = machine
      term = leadership.term
    }
    return newest
  }

  latency(chance: Chance): number {
    const { leastMs, meanMs } = this.plan.latency
    return leastMs + chance.exponential(meanMs)
  }
}
