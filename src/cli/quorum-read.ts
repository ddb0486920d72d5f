import { authorize, type ClusterKey } from '../io/cluster-key.ts'
import { RequestFailed, type RestClient, type RestRequest } from './rest-client.ts'

export type MemberView = {
  id: number
  uuid: string
  host?: string
  port?: number
  matchIndex: number | null
  lag: number | null
  lastContactMs: number | null
}
export type QuorumView = {
  nodeId: number
  directoryUuid: string
  role: string
  term: number
  leaderId: number | null
  clusterId: string | null
  commitIndex: number
  lastLogIndex: number
  changing: boolean
  voters: MemberView[]
  learners: MemberView[]
  awaited: number[]
}

export const STATUS = { method: 'GET', path: '/api/v1/raft/status' } as const
const CONTROLLER = { method: 'GET', path: '/api/v1/metadata/controller' } as const
const POLL_MS = 300

/** Proves the cluster key with every request. */
export function proofs(key: ClusterKey): NonNullable<RestRequest['headers']> {
  return (method, path, body) => ({ authorization: authorize(key, Date.now(), { method, path, body }) })
}

/**
 * What the controller says of the quorum; it is asked first from then on, and after the nodes that were named so are all
 * voters: the next controller may be one that nobody named. A node that was removed, or that was cut off, may name a
 * controller that is none any more: whoever is asked must lead.
 */
export async function leaderView(
  client: RestClient,
  key: ClusterKey,
  timeoutMs: number,
): Promise<QuorumView> {
  const until = performance.now() + timeoutMs
  for (;;) {
    const { url } = await client.send<{ url: string }>(CONTROLLER, timeoutMs)
    if (url !== '') client.preferred(url)
    const view = ofAnyRelease(await client.send<QuorumView>({ ...STATUS, headers: proofs(key) }, timeoutMs))
    if (view.role === 'LEADER') {
      client.alsoAsk(addressesOf(view, url))
      return view
    }
    if (performance.now() + POLL_MS > until)
      throw new RequestFailed('NO_CONTROLLER', 'no node says that it is the controller')
    client.lookElsewhere(url)
    await pause()
  }
}

/** Nodes of the first releases know no learners. */
function ofAnyRelease(view: QuorumView): QuorumView {
  return { ...view, learners: view.learners ?? [] }
}

/** Where the voters are, as the log has it. */
function addressesOf({ voters }: QuorumView, controller: string): string[] {
  const scheme = controller.startsWith('https:') ? 'https' : 'http'
  return voters.flatMap(({ host, port }) => {
    if (host === undefined || port === undefined) return []
    return [`${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`]
  })
}

/** Without a controller: what the node knows that knows of most committed entries. Null: none answers. */
export async function lastKnown(client: RestClient, key: ClusterKey): Promise<QuorumView | null> {
  const views: QuorumView[] = []
  for (const url of client.urls) {
    const view = await client.askOne<QuorumView>(url, { ...STATUS, headers: proofs(key) })
    if (view !== null) views.push(ofAnyRelease(view))
  }
  return views.reduce<QuorumView | null>(
    (best, view) => (best === null || view.commitIndex > best.commitIndex ? view : best),
    null,
  )
}

export function noControllerText({ nodeId }: QuorumView): string {
  return (
    `no controller answers: this is what metadata node ${nodeId} has in its log and knows of itself; it hears of no other ` +
    'how far it is, or whether it is there'
  )
}

export function pause(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, POLL_MS))
}
