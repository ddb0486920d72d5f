import { ask, type NodeProcess } from '../test/cluster/processes.ts'

/** Version and state hash of all nodes, asked for with linearizable reads: a violation if they are not the same. */
export async function disagreements(nodes: readonly NodeProcess[]): Promise<string[]> {
  const hashes = new Map<string, number[]>()
  for (const node of nodes) {
    const { body } = await ask('GET', `${node.url}/api/v1/metadata/sync?consistency=linearizable`)
    const state = `version ${body?.version}, hash ${body?.stateHash}`
    hashes.set(state, [...(hashes.get(state) ?? []), node.entry.id])
  }
  return hashes.size === 1 ? [] : [`the nodes disagree: ${JSON.stringify([...hashes])}`]
}
