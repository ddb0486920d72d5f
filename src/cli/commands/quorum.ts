import type { Command } from 'commander'
import { authorize, type ClusterKey } from '../../io/cluster-key.ts'
import { RequestFailed } from '../rest-client.ts'
import { clusterOptions, inSession } from '../session.ts'
import { sheet, table } from '../table.ts'

type VoterView = {
  id: number
  uuid: string
  matchIndex: number | null
  lag: number | null
  lastContactMs: number | null
}
type QuorumView = {
  nodeId: number
  role: string
  term: number
  leaderId: number | null
  clusterId: string | null
  commitIndex: number
  lastLogIndex: number
  voters: VoterView[]
  awaited: number[]
}

/** `readKey` is handed in: where keys are kept is the server's business. */
export function quorum(
  program: Command,
  readKey: (file: string | null, secret: string | null) => ClusterKey | null,
): void {
  clusterOptions(program.command('quorum'))
    .description('show the Raft quorum: voters, how far each is, when it was heard')
    .option(
      '--cluster-key-file <file>',
      'the cluster key (CLUSTER_KEY_FILE, CLUSTER_KEY)',
      process.env.CLUSTER_KEY_FILE,
    )
    .addHelpText('after', '\nExample:\n  dmq quorum')
    .action(async ({ clusterKeyFile }: { clusterKeyFile?: string }, command: Command) => {
      const key = readKey(clusterKeyFile ?? null, process.env.CLUSTER_KEY ?? null)
      if (key === null)
        throw new RequestFailed(
          'UNAUTHENTICATED',
          'the quorum is shown to holders of the cluster key only; give --cluster-key-file',
        )
      await inSession(command, async ({ client, print }) => {
        const { url } = await client.send<{ url: string }>({
          method: 'GET',
          path: '/api/v1/metadata/controller',
        })
        const headers = (method: string, path: string, body: string) => ({
          authorization: authorize(key, Date.now(), { method, path, body }),
        })
        client.preferred(url)
        const view = await client.send<QuorumView>({ method: 'GET', path: '/api/v1/raft/status', headers })
        print(view, () => quorumText(view))
      })
    })
}

function quorumText({ clusterId, leaderId, term, commitIndex, lastLogIndex, voters }: QuorumView): string {
  const head = sheet([
    ['cluster', clusterId],
    ['controller', leaderId],
    ['term', term],
    ['committed', `${commitIndex} of ${lastLogIndex} entries`],
  ])
  const rows = voters.map(({ id, matchIndex, lag, lastContactMs, uuid }) => [
    id,
    id === leaderId ? 'LEADER' : 'FOLLOWER',
    matchIndex,
    lag,
    lastContactMs,
    uuid,
  ])
  return `${head}\n\n${table(['NODE', 'ROLE', 'MATCH', 'LAG', 'HEARD MS AGO', 'DATA DIRECTORY'], rows)}`
}
