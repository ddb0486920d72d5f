import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { TcpProxy } from '../../soak/tcp-proxy.ts'
import { ask, freePorts, NodeProcess, until } from './processes.ts'

/** Long enough that nobody is fenced while the test runs: only the session itself is looked at. */
const ARGS = ['--session-timeout-ms', '600000', '--heartbeat-interval-ms', '250']

/** A metadata node, and a storage node that reaches it by a link that can be silenced. */
async function linked(t: TestContext) {
  const [metadataPort, storagePort] = await freePorts(2)
  const proxy = await TcpProxy.to(metadataPort!)
  const home = mkdtempSync(join(tmpdir(), 'dmq-half-'))
  const [controller, broker] = [
    { id: 1, host: 'localhost', port: proxy.port },
    { id: 101, host: 'localhost', port: storagePort! },
  ]
  const file = join(home, 'services.json')
  const services = { 'metadata-services': [controller], 'storage-services': [broker] }
  writeFileSync(file, JSON.stringify({ services }))
  const args = ['--services', file, ...ARGS]
  // It serves elsewhere than where the storage node looks for it.
  const metadata = new NodeProcess('metadata', { ...controller, port: metadataPort! }, home, [
    ...args,
    '--port',
    String(metadataPort),
  ])
  const storage = new NodeProcess('storage', broker, home, args)
  t.after(async () => {
    await Promise.all([metadata.end('SIGKILL'), storage.end('SIGKILL')])
    proxy.close()
    rmSync(home, { recursive: true, force: true })
  })
  metadata.start()
  storage.start()
  await until('it is ONLINE, and there is a session', async () => {
    const { body } = await ask('GET', `${metadata.url}/api/v1/metadata/brokers/101`)
    return body?.status === 'ONLINE' && (await sample(metadata, 'dmq_session_links')) === 1
  })
  return { proxy, metadata, storage }
}

async function sample(node: NodeProcess, name: string): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`).catch(() => null))?.text()
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '')?.[1])
}

/** They wait for timers of the nodes, far longer than they work: at the same time, each with nodes of its own. */
describe('a network that is cut without a word', { concurrency: true }, () => {
  for (const [how, way] of [
    ['both ways', { there: false, back: false }],
    ['from the storage node', { there: false, back: true }],
    ['to the storage node', { there: true, back: false }],
  ] as const)
    test(`a network that is cut ${how} without a word ends the session at both ends; it is opened anew`, async t => {
      const { proxy, metadata, storage } = await linked(t)
      const opened = await sample(metadata, 'dmq_session_links_opened_total')
      proxy.silence({ ...way, ends: false })
      await until('the controller gives the session up', async () => {
        return (await sample(metadata, 'dmq_session_links_closed_total')) === opened
      })
      await until('the storage node gives it up', async () => {
        return /lost the controller at .*(no answer in|timeout)/i.test(storage.output)
      })
      const { body } = await ask('GET', `${metadata.url}/api/v1/metadata/brokers/101`)
      assert.notEqual(body.status, 'OFFLINE', `nothing proves that the process is gone: ${body.statusReason}`)
      proxy.heal()
      await until('there is a session again', async () => (await sample(metadata, 'dmq_session_links')) === 1)
    })
})
