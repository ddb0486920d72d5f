import { ask, type NodeProcess, until } from '../test/cluster/processes.ts'
import type { Answered, Write } from './writers.ts'

/** What a write waits for its commit. */
const TIMEOUT_MS = 2_000
/** An answer later than this is not in bounded time, however busy the machine is. */
const ANSWER_MS_MAX = 10_000
const AGAIN_MS_MAX = 60_000
/** What a node may say that cannot take a write. */
const REFUSALS = ['NO_CONTROLLER', 'NOT_CONTROLLER', 'OVERLOADED']
const EXAMPLES_MAX = 5
const NAMES_MAX = 10_000

/** A topic with a name of its own. */
export type Creation = Write & { readonly topicName: string }

/** Writes that nobody can do: topics with a name of their own each, so that any that appears is known again. */
export class RefusedWrites {
  readonly #broker: number
  #count = 0
  refusals = 0
  longestMs = 0
  readonly unknown = new Set<string>()
  readonly answers = new Map<string, number>()
  readonly violations: string[] = []
  /** When the node first said that there is no controller: from then on it takes nothing into its log. */
  #leaderlessAt = Number.POSITIVE_INFINITY

  constructor(broker: number) {
    this.#broker = broker
  }

  /** Every other one asks the node to pass it on. */
  next(client: number): Creation {
    const topicName = `m-${client}-${++this.#count}`
    return {
      topicName,
      method: 'POST',
      path: `/topics?timeoutMs=${TIMEOUT_MS}`,
      body: { topicName, assignments: [[this.#broker]] },
      ...(this.#count % 2 === 0 ? { headers: { prefer: 'forward' } } : {}),
    }
  }

  answered({ topicName }: Creation, { status, code, message, sentAt, tookMs }: Answered): void {
    const answer = `${status} ${code}`
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1)
    this.longestMs = Math.max(this.longestMs, tookMs)
    if (tookMs > ANSWER_MS_MAX) this.#wrong(`${topicName} was answered after ${Math.round(tookMs)} ms`)
    if (status === 503 && REFUSALS.includes(code) && message !== '') this.refusals += 1
    else this.#notRefused(topicName, `${answer}: ${message}`, status, sentAt)
    if (code === 'NO_CONTROLLER') this.#leaderlessAt = Math.min(this.#leaderlessAt, performance.now())
  }

  #notRefused(topicName: string, answer: string, status: number, sentAt: number): void {
    this.unknown.add(topicName)
    if (status !== 504) this.#wrong(`${topicName} was answered ${answer}`)
    else if (sentAt > this.#leaderlessAt)
      this.#wrong(`${topicName} came when no controller was known, and was answered ${answer}`)
  }

  #wrong(what: string): void {
    if (this.violations.length < EXAMPLES_MAX) this.violations.push(what)
  }

  /** Once the others are back: topics that are there though their writes were refused. */
  async surprises(nodes: readonly NodeProcess[]): Promise<string[]> {
    const found: string[] = []
    for (const { url, entry } of nodes) {
      const path = `topics?consistency=linearizable&limit=${NAMES_MAX}`
      const { status, body } = await ask('GET', `${url}/api/v1/metadata/${path}`)
      if (status !== 200) return [`node ${entry.id} does not list its topics: ${status}`]
      const names = (body.topics as { topicName: string }[]).map(({ topicName }) => topicName)
      const refused = names.filter(name => name.startsWith('m-') && !this.unknown.has(name))
      found.push(...refused.map(name => `${name} was refused, and is there at node ${entry.id}`))
    }
    return found
  }

  /** Waits until a write at that node is done; tried again under its key. */
  static async isTakenAgain({ url, entry }: NodeProcess, broker: number): Promise<void> {
    const topicName = `back-${entry.id}`
    const headers = { prefer: 'forward', 'idempotency-key': topicName }
    const body = { topicName, assignments: [[broker]] }
    await until(
      `node ${entry.id} takes writes again`,
      async () => (await ask('POST', `${url}/api/v1/metadata/topics`, body, headers)).status === 201,
      AGAIN_MS_MAX,
    )
  }
}
