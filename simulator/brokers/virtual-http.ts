import type { HttpAnswer, HttpClient, HttpRequest } from '../../src/io/http-client.ts'
import { nodeAt } from './addresses.ts'
import type { Site, Wire } from './wire.ts'

/** HTTP as one process sends it, over the wire. */
export class VirtualHttp {
  readonly #wire: Wire
  readonly #site: Site

  constructor(wire: Wire, site: Site) {
    this.#wire = wire
    this.#site = site
  }

  /** In the place of the real one. */
  get client(): HttpClient {
    return this as unknown as HttpClient
  }

  async send({ url, timeoutMs, ...request }: HttpRequest): Promise<HttpAnswer> {
    const { nodeId, path } = nodeAt(url)
    const { status, body } = await this.#wire.call(this.#site, nodeId, { ...request, path }, timeoutMs)
    return { status, headers: {}, body }
  }

  async *stream({ url, idleMs }: { url: string; idleMs: number }): AsyncGenerator<Buffer> {
    const { nodeId, path } = nodeAt(url)
    const { status, body } = await this.#wire.call(this.#site, nodeId, { method: 'GET', path }, idleMs)
    if (status !== 200) throw new Error(`status ${status}`)
    yield* body as Buffer[]
  }
}
