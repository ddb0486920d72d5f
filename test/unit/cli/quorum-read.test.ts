import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { lastKnown, leaderView, type QuorumView } from '../../../src/cli/quorum-read.ts'
import { RestClient } from '../../../src/cli/rest-client.ts'
import { nodeUrl } from '../../../src/cli/session.ts'
import { ClusterKey } from '../../../src/io/cluster-key.ts'

const KEY = new ClusterKey('a key for the tests of the CLI')
/** Nobody listens there. */
const DEAD = 'http://localhost:1'
const CONTROLLER = '/api/v1/metadata/controller'
const STATUS = '/api/v1/raft/status'
const NOBODY = { status: 503, body: { error: { code: 'NO_CONTROLLER', message: 'no controller is known' } } }

type Answer = { status: number; body: object }

const servers: Server[] = []
after(() => {
  for (const server of servers) server.close()
})

/** A node that answers each path as it is told; `asked` grows with each request. */
class Stand {
  readonly asked: string[] = []
  answers: Readonly<Record<string, Answer>> = {}
  url = ''

  async listen(): Promise<this> {
    const server = createServer((request, response) => {
      this.asked.push(request.url!)
      const { status, body } = this.answers[request.url!] ?? NOBODY
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
    servers.push(server)
    await once(server.listen(0, 'localhost'), 'listening')
    this.url = `http://localhost:${(server.address() as AddressInfo).port}`
    return this
  }

  /** What it says of who leads, and of the quorum. */
  says(controller: Stand | null, view: Partial<QuorumView>): void {
    this.answers = {
      [CONTROLLER]: controller === null ? NOBODY : { status: 200, body: { url: controller.url } },
      [STATUS]: { status: 200, body: { voters: [], commitIndex: 0, ...view } },
    }
  }
}

async function asking<T>(urls: readonly string[], work: (client: RestClient) => Promise<T>): Promise<T> {
  const client = new RestClient(urls, 1_500)
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

const stand = (): Promise<Stand> => new Stand().listen()

const voter = (id: number, { url }: Stand) => {
  const { hostname, port } = new URL(url)
  return {
    id,
    uuid: String(id),
    host: hostname,
    port: Number(port),
    matchIndex: 1,
    lag: 0,
    lastContactMs: 0,
  }
}

test('what a node said tells more than that another did not answer, whoever was asked last', async () => {
  const node = await stand()
  for (const urls of [
    [node.url, DEAD],
    [DEAD, node.url],
    [DEAD, node.url, DEAD],
  ])
    await asking(urls, client =>
      assert.rejects(client.send({ method: 'GET', path: CONTROLLER }, 150), {
        code: 'NO_CONTROLLER',
        message: 'no controller is known (tried for 150 ms)',
      }),
    )
})

test('a voter that nobody named is found once a controller has told where it is', async () => {
  const [named, next] = await Promise.all([stand(), stand()])
  const voters = [voter(1, named), voter(2, next)]
  named.says(named, { nodeId: 1, role: 'LEADER', voters })
  next.says(next, { nodeId: 2, role: 'LEADER', voters: [voters[1]!] })
  await asking([named.url], async client => {
    assert.equal((await leaderView(client, KEY, 1_500)).nodeId, 1)
    // It was removed, and knows of no controller any more.
    named.says(null, { nodeId: 1, role: 'FOLLOWER' })
    assert.equal((await leaderView(client, KEY, 1_500)).nodeId, 2)
  })
})

test('a node that goes on naming a controller that is none does not keep the others from being asked', async () => {
  const [stale, deposed, leads] = await Promise.all([stand(), stand(), stand()])
  stale.says(deposed, { nodeId: 1, role: 'FOLLOWER' })
  deposed.says(deposed, { nodeId: 2, role: 'FOLLOWER' })
  leads.says(leads, { nodeId: 3, role: 'LEADER' })
  const urls = [stale, deposed, leads].map(({ url }) => url)
  await asking(urls, async client => assert.equal((await leaderView(client, KEY, 5_000)).nodeId, 3))
})

test('without a controller the node that knows of most commits tells what it knows', async () => {
  const [behind, ahead] = await Promise.all([stand(), stand()])
  behind.says(null, { nodeId: 1, role: 'CANDIDATE', commitIndex: 7 })
  ahead.says(null, { nodeId: 2, role: 'FOLLOWER', commitIndex: 9 })
  const known = (...urls: string[]) => asking(urls, client => lastKnown(client, KEY))
  assert.equal((await known(behind.url, DEAD, ahead.url))?.nodeId, 2)
  assert.equal((await known(ahead.url, behind.url))?.nodeId, 2)
  assert.equal(await known(DEAD), null)
})

test('an address is a URL, or host and port for short', () => {
  assert.equal(nodeUrl('localhost:9091'), 'http://localhost:9091')
  assert.equal(nodeUrl('10.0.0.7:9091/'), 'http://10.0.0.7:9091')
  assert.equal(nodeUrl('[::1]:9091'), 'http://[::1]:9091')
  assert.equal(nodeUrl('https://host/'), 'https://host')
  for (const text of [
    'nonsense',
    '',
    'localhost',
    'host:port',
    'ftp://host:1',
    'http://',
    'http://host:99999',
  ])
    assert.equal(nodeUrl(text), null, text)
})
