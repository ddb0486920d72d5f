import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask, freePorts, NodeProcess, until } from '../test/cluster/processes.ts'
import { TcpProxy, type Way } from './tcp-proxy.ts'

/** Metadata nodes as real processes, that reach each other only through links that can be cut. Clients reach them directly. */
export class ProxiedCluster {
  readonly nodes: readonly NodeProcess[]
  readonly #home: string
  readonly #links: ReadonlyMap<string, TcpProxy>

  static async start(size: number, args: readonly string[]): Promise<ProxiedCluster> {
    const home = mkdtempSync(join(tmpdir(), 'dmq-soak-'))
    const ports = await freePorts(size)
    const links = new Map<string, TcpProxy>()
    const nodes: NodeProcess[] = []
    for (let id = 1; id <= size; id++) {
      const services: { id: number; host: string; port: number }[] = []
      for (let to = 1; to <= size; to++) {
        const link = await TcpProxy.to(ports[to - 1]!)
        if (to !== id) links.set(`${id}>${to}`, link)
        else link.close()
        services.push({ id: to, host: 'localhost', port: to === id ? ports[to - 1]! : link.port })
      }
      const file = join(home, `services-${id}.json`)
      writeFileSync(
        file,
        JSON.stringify({ services: { 'metadata-services': services, 'storage-services': [] } }),
      )
      const entry = { id, host: 'localhost', port: ports[id - 1]! }
      nodes.push(new NodeProcess('metadata', entry, home, ['--services', file, ...args]))
    }
    const cluster = new ProxiedCluster(home, nodes, links)
    for (const node of nodes) node.start()
    await cluster.serves()
    return cluster
  }

  private constructor(home: string, nodes: readonly NodeProcess[], links: ReadonlyMap<string, TcpProxy>) {
    this.#home = home
    this.nodes = nodes
    this.#links = links
  }

  get ids(): number[] {
    return this.nodes.map(node => node.entry.id)
  }

  /** Every running node is ready. */
  async serves(): Promise<void> {
    for (const node of this.nodes.filter(({ running }) => running)) {
      await until(
        `node ${node.entry.id} is ready`,
        async () => (await ask('GET', `${node.url}/health/ready`)).status === 200,
        60_000,
      )
    }
  }

  silence(from: number, to: number, way: Way = { there: false, back: false }): void {
    this.#links.get(`${from}>${to}`)?.silence(way)
  }

  refuse(from: number, to: number): void {
    this.#links.get(`${from}>${to}`)?.refuse()
  }

  heal(): void {
    for (const link of this.#links.values()) link.heal()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) if (node.running) node.wake()
    await Promise.all(this.nodes.map(node => node.end('SIGKILL')))
    for (const link of this.#links.values()) link.close()
    rmSync(this.#home, { recursive: true, force: true })
  }
}
