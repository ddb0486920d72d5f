import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { ask, type Cluster } from './processes.ts'

/** What was not done at the first attempt: what was answered meanwhile, and how long it took until it was. */
export type Trouble = { readonly what: string; readonly answers: readonly string[]; readonly tookMs: number }

/** A write is repeated under its key while nobody can do it, or nobody knows whether it was done. */
const MAY_REPEAT = [0, 503, 504]
const PAUSE_MS = 25
const RETRY_MS = 10
/** A change of leadership takes far less, on a machine that does much else as well. */
const LONGEST_MS = 9_000

/**
 * A client that creates a topic, and reads it at another node, again and again. What is in the way is noted with its
 * duration; anything that trying again does not mend is thrown by {@link finish}.
 */
export class Workload {
  readonly #cluster: Cluster
  readonly #prefix: string
  readonly acknowledged: string[] = []
  readonly troubles: Trouble[] = []
  readonly #work: Promise<void>
  #running = true
  #givenUp = false

  constructor(cluster: Cluster, prefix: string) {
    this.#cluster = cluster
    this.#prefix = prefix
    this.#work = this.#run()
    // Told by finish().
    this.#work.catch(() => {})
  }

  /**
   * Ends it, and checks: everything that was acknowledged is there, at every metadata node, and nothing took longer than a
   * change of leadership.
   */
  async finish(): Promise<void> {
    this.#running = false
    await this.#work
    assert.ok(this.acknowledged.length > 0, 'nothing was acknowledged')
    for (const { entry, url } of this.#cluster.metadata) {
      const { body } = await ask('GET', `${url}/api/v1/metadata/topics?consistency=linearizable&limit=10000`)
      const names = new Set(body.topics.map((topic: { topicName: string }) => topic.topicName))
      const lost = this.acknowledged.filter(name => !names.has(name))
      assert.deepEqual(lost, [], `acknowledged, and gone at node ${entry.id}`)
    }
    const long = this.troubles.filter(({ tookMs }) => tookMs > LONGEST_MS)
    assert.deepEqual(long, [], 'took longer than a change of leadership')
  }

  /** Ends it where a test fails before it finishes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#running = false
    this.#givenUp = true
    await this.#work.catch(() => {})
  }

  async #run(): Promise<void> {
    for (let i = 0; this.#running; i++) {
      const topicName = `${this.#prefix}-${i}`
      const key = { prefer: 'forward', 'idempotency-key': topicName }
      const body = { topicName, numPartitions: 1, replicationFactor: 2 }
      const created = await this.#insist(i, 'POST', '/topics', 201, body, key)
      this.acknowledged.push(topicName)
      const version = created.headers.get('x-metadata-version')
      const read = await this.#insist(i + 1, 'GET', `/topics/${topicName}?minVersion=${version}`, 200)
      assert.equal(read.body.topicName, topicName)
      await pause(PAUSE_MS)
    }
  }

  /** Asks one node after the other, beginning with the `first`. */
  async #insist(
    first: number,
    method: string,
    path: string,
    expected: number,
    body?: object,
    headers?: Record<string, string>,
  ) {
    const { metadata } = this.#cluster
    const began = performance.now()
    const answers: string[] = []
    for (let i = first; ; i++) {
      const node = metadata[i % metadata.length]!
      const answer = await ask(method, `${node.url}/api/v1/metadata${path}`, body, headers)
      if (answer.status !== expected)
        answers.push(`node ${node.entry.id}: ${answer.status} ${answer.body?.error?.code ?? ''}`)
      if (!MAY_REPEAT.includes(answer.status) || this.#givenUp) {
        const tookMs = performance.now() - began
        if (answers.length > 0 || tookMs > LONGEST_MS)
          this.troubles.push({ what: `${method} ${path}`, answers, tookMs })
        const wrong = `${method} ${path}: ${answers.join('; ')} ${JSON.stringify(answer.body)}`
        assert.equal(answer.status, expected, wrong)
        return answer
      }
      await pause(RETRY_MS)
    }
  }
}
