import { Chance } from '../simulator/chance.ts'
import { checkLinearizability, type Model } from '../simulator/linearizability.ts'
import { ask } from '../test/cluster/processes.ts'
import { disagreements } from './agreement.ts'
import { nemesis } from './nemesis.ts'
import { ProxiedCluster } from './proxied-cluster.ts'
import { client, type Input, type Output, REGISTERS, type Recorded } from './workload.ts'

export type SoakOptions = {
  readonly seconds: number
  readonly seed: number
  readonly nodes: number
  readonly clients: number
  readonly tell: (line: string) => void
}
export type SoakResult = {
  readonly operations: number
  readonly unknown: number
  readonly faults: ReadonlyMap<string, number>
  /** What is wrong; empty: nothing. */
  readonly violations: readonly string[]
}

const REGISTER: Model<number | null, Input, Output> = {
  initial: null,
  step(state, { write }, output) {
    if (write !== null) return { state: write }
    return output === null || output.value === state ? { state } : null
  },
  key: state => String(state),
}

/**
 * Clients write and read registers at all nodes while processes are killed and stopped and links are cut. Afterwards the
 * whole history must be linearizable, and all nodes must agree.
 */
export async function soak({ seconds, seed, nodes, clients, tell }: SoakOptions): Promise<SoakResult> {
  const chance = new Chance(seed)
  const args = ['--session-timeout-ms', '3600000', '--snapshot-bytes', '65536', '--log-level', 'warn']
  await using cluster = await ProxiedCluster.start(nodes, args)
  await prepare(cluster)
  const end = performance.now() + seconds * 1000
  const over = (): boolean => performance.now() >= end
  const values = (function* () {
    for (let value = 1; ; value++) yield value
  })()
  const own = () => new Chance(chance.between(1, 1e9))
  const running = Array.from({ length: clients }, () => client(cluster, own(), values, over))
  const [faults, ...histories] = await Promise.all([nemesis(cluster, own(), over, tell), ...running])
  cluster.heal()
  for (const node of cluster.nodes) if (node.running) node.wake()
  await cluster.serves()
  const history = histories.flat()
  const reads = await lastReads(cluster)
  // While a long history is checked nothing passes the proxies: the nodes would not hear each other, and not serve just after.
  const disagreeing = await disagreements(cluster.nodes)
  const violations = [...verdicts([...history, ...reads]), ...disagreeing]
  return {
    operations: history.length,
    unknown: history.filter(({ output }) => output === null).length,
    faults,
    violations,
  }
}

async function prepare({ nodes }: ProxiedCluster): Promise<void> {
  const url = `${nodes[0]!.url}/api/v1/metadata`
  const forward = { prefer: 'forward' }
  await ask('POST', `${url}/brokers`, { brokerId: 7, host: 'localhost', port: 9 }, forward)
  for (const topicName of REGISTERS) {
    const { status } = await ask('POST', `${url}/topics`, { topicName, assignments: [[7]] }, forward)
    if (status !== 201) throw new Error(`register ${topicName} could not be made: ${status}`)
  }
}

function verdicts(history: readonly Recorded[]): string[] {
  return REGISTERS.flatMap(register => {
    const verdict = checkLinearizability(
      REGISTER,
      history.filter(({ input }) => input.register === register),
    )
    return verdict === 'linearizable' ? [] : [`the history of ${register} is ${verdict}`]
  })
}

/** What the registers hold in the end is part of the history: an acknowledged write that is gone shows here. */
async function lastReads({ nodes }: ProxiedCluster): Promise<Recorded[]> {
  const reads: Recorded[] = []
  for (const register of REGISTERS) {
    for (const node of nodes) {
      const calledAt = performance.now()
      const { body } = await ask(
        'GET',
        `${node.url}/api/v1/metadata/topics/${register}?consistency=linearizable`,
      )
      const value = body?.config?.['retention.ms']
      const output = { value: value === undefined ? null : Number(value) }
      reads.push({ input: { register, write: null }, output, calledAt, returnedAt: performance.now() })
    }
  }
  return reads
}
