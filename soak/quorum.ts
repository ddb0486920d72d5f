import { sampleOf, scrape } from '../test/api/exposition-format.ts'
import type { NodeProcess } from '../test/cluster/processes.ts'

/** What a metadata node says of the quorum. */
export type Standing = {
  readonly nodeId: number
  readonly term: number
  readonly leaderId: number
  readonly elections: number
  readonly preVotes: number
}

export function standings(nodes: readonly NodeProcess[]): Promise<Standing[]> {
  return Promise.all(
    nodes.map(async node => {
      const families = await scrape(node)
      const of = (name: string): number => sampleOf(families, name) ?? Number.NaN
      return {
        nodeId: node.entry.id,
        term: of('dmq_raft_term'),
        leaderId: of('dmq_raft_leader_id'),
        elections: of('dmq_raft_elections_started_total'),
        preVotes: of('dmq_raft_prevotes_total'),
      }
    }),
  )
}

/** Whatever tells of an election between the two moments, at any node. */
export function electionsBetween(before: readonly Standing[], after: readonly Standing[]): string[] {
  return before.flatMap((then, i) => {
    const now = after[i]!
    return (['term', 'leaderId', 'elections'] as const)
      .filter(what => then[what] !== now[what])
      .map(
        what => `node ${then.nodeId}: ${what} was ${then[what]}, and is ${now[what]}: there was an election`,
      )
  })
}
