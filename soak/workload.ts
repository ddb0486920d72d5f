import type { Chance } from '../simulator/chance.ts'
import type { Operation } from '../simulator/linearizability.ts'
import type { ProxiedCluster } from './proxied-cluster.ts'

/** A register: a topic, whose retention is written and read. */
export type Input = { readonly register: string; readonly write: number | null }
/** What a read saw; of a write nothing but that it was acknowledged. */
export type Output = { readonly value: number | null }
export type Recorded = Operation<Input, Output>

const ANSWER_MS = 5_000
export const REGISTERS = ['r0', 'r1', 'r2', 'r3', 'r4', 'r5'] as const

/** One client: it asks any node, one thing after the other, and writes down what it was told and when. */
export async function client(
  cluster: ProxiedCluster,
  chance: Chance,
  values: Iterator<number>,
  over: () => boolean,
): Promise<Recorded[]> {
  const history: Recorded[] = []
  while (!over()) {
    const register = chance.pick(REGISTERS)
    const write = chance.happens(0.5) ? values.next().value! : null
    const { url } = chance.pick(cluster.nodes)
    const calledAt = performance.now()
    const answer = write === null ? await read(url, register) : await put(url, register, write)
    const returnedAt = performance.now()
    if (answer === 'nothing done') {
      await new Promise(resolve => setTimeout(resolve, 10))
      continue
    }
    const known = answer !== 'unknown'
    history.push({
      input: { register, write },
      output: known ? answer : null,
      calledAt,
      returnedAt: known ? returnedAt : Number.POSITIVE_INFINITY,
    })
  }
  return history
}

type Answer = Output | 'nothing done' | 'unknown'

async function put(url: string, register: string, value: number): Promise<Answer> {
  try {
    const response = await fetch(`${url}/api/v1/metadata/topics/${register}?timeoutMs=${ANSWER_MS}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json', prefer: 'forward' },
      body: JSON.stringify({ config: { 'retention.ms': value } }),
      signal: AbortSignal.timeout(2 * ANSWER_MS),
    })
    await response.text()
    if (response.status === 200) return { value: null }
    // The contract: 503 has done nothing, 504 may have.
    return response.status === 503 ? 'nothing done' : 'unknown'
  } catch (error) {
    const refused = (error as { cause?: { code?: string } }).cause?.code === 'ECONNREFUSED'
    return refused ? 'nothing done' : 'unknown'
  }
}

async function read(url: string, register: string): Promise<Answer> {
  try {
    const query = `consistency=linearizable&timeoutMs=${ANSWER_MS}`
    const response = await fetch(`${url}/api/v1/metadata/topics/${register}?${query}`, {
      signal: AbortSignal.timeout(2 * ANSWER_MS),
    })
    const { config } = (await response.json()) as { config?: Record<string, string> }
    if (response.status !== 200) return 'nothing done'
    const value = config?.['retention.ms']
    return { value: value === undefined ? null : Number(value) }
  } catch {
    return 'nothing done'
  }
}
