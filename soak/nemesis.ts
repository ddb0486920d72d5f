import { setTimeout as pause } from 'node:timers/promises'
import type { Chance } from '../simulator/chance.ts'
import type { NodeProcess } from '../test/cluster/processes.ts'
import type { ProxiedCluster } from './proxied-cluster.ts'

/** One thing that goes wrong, and for how long; it is undone before it returns. */
type Fault = { readonly name: string; run(cluster: ProxiedCluster, chance: Chance): Promise<void> }

const LONG_MS = [500, 4_000] as const
const SHORT_MS = [50, 800] as const

/** Everything that a machine room does to processes and links, but never to more than a minority at once. */
const FAULTS: readonly Fault[] = [
  {
    name: 'kill -9 of a node',
    async run(cluster, chance) {
      const node = chance.pick(cluster.nodes)
      await node.end('SIGKILL')
      await pause(chance.between(...LONG_MS))
      node.start()
    },
  },
  {
    name: 'kill -9 of the controller',
    async run(cluster, chance) {
      const node = (await controllerOf(cluster)) ?? chance.pick(cluster.nodes)
      await node.end('SIGKILL')
      await pause(chance.between(...LONG_MS))
      node.start()
    },
  },
  {
    name: 'stop and start of a node',
    async run(cluster, chance) {
      const node = chance.pick(cluster.nodes)
      await node.end('SIGTERM')
      await pause(chance.between(...SHORT_MS))
      node.start()
    },
  },
  {
    name: 'the controller stands still',
    async run(cluster, chance) {
      const node = (await controllerOf(cluster)) ?? chance.pick(cluster.nodes)
      node.pause()
      await pause(chance.between(...LONG_MS))
      node.wake()
    },
  },
  {
    name: 'kill -9 of all nodes',
    async run(cluster, chance) {
      await Promise.all(cluster.nodes.map(node => node.end('SIGKILL')))
      await pause(chance.between(...SHORT_MS))
      for (const node of cluster.nodes) node.start()
    },
  },
  {
    name: 'a node cut off by silence',
    async run(cluster, chance) {
      isolate(cluster, chance.pick(cluster.ids), (from, to) => cluster.silence(from, to))
      await pause(chance.between(...LONG_MS))
      cluster.heal()
    },
  },
  {
    name: 'a node cut off by broken connections',
    async run(cluster, chance) {
      isolate(cluster, chance.pick(cluster.ids), (from, to) => cluster.refuse(from, to))
      await pause(chance.between(...LONG_MS))
      cluster.heal()
    },
  },
  {
    name: 'a node that is heard by nobody, and hears all',
    async run(cluster, chance) {
      const deaf = chance.pick(cluster.ids)
      for (const id of cluster.ids) {
        cluster.silence(deaf, id, { there: false, back: true })
        cluster.silence(id, deaf, { there: true, back: false })
      }
      await pause(chance.between(...LONG_MS))
      cluster.heal()
    },
  },
  {
    name: 'one link cut, both ends alive',
    async run(cluster, chance) {
      const from = chance.pick(cluster.ids)
      const to = chance.pick(cluster.ids.filter(id => id !== from))
      cluster.silence(from, to)
      cluster.silence(to, from)
      await pause(chance.between(...LONG_MS))
      cluster.heal()
    },
  },
]

/** Does one after the other until `over`; tells what it does, and how often it did each. */
export async function nemesis(
  cluster: ProxiedCluster,
  chance: Chance,
  over: () => boolean,
  tell: (what: string) => void,
): Promise<Map<string, number>> {
  const done = new Map<string, number>()
  let left: Fault[] = []
  while (!over()) {
    // Each once before any comes again.
    if (left.length === 0) left = [...FAULTS]
    const [fault] = left.splice(chance.between(0, left.length - 1), 1) as [Fault]
    tell(fault.name)
    await fault.run(cluster, chance)
    done.set(fault.name, (done.get(fault.name) ?? 0) + 1)
    await pause(chance.between(200, 1_500))
  }
  return done
}

function isolate({ ids }: ProxiedCluster, one: number, cut: (from: number, to: number) => void): void {
  for (const id of ids) {
    cut(one, id)
    cut(id, one)
  }
}

async function controllerOf({ nodes }: ProxiedCluster): Promise<NodeProcess | null> {
  for (const node of nodes) {
    try {
      const signal = AbortSignal.timeout(300)
      const response = await fetch(`${node.url}/api/v1/metadata/controller`, { signal })
      const { nodeState } = (await response.json()) as { nodeState?: string }
      if (nodeState === 'LEADER') return node
    } catch {
      // It does not answer: then it is not the one.
    }
  }
  return null
}
