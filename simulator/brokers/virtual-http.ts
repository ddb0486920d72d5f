import type { HttpAnswer, HttpClient, HttpRequest } from '../../src/io/http-client.ts'
import { nodeAt } from './addresses.ts'
import type { Caller, Wire } from './wire.ts'

/** HTTP as one process sends it, over the wire. */
export class VirtualHttp {
  readonly #wire: Wire
  readonly #caller: Caller

  constructor(wire: Wire, caller: Caller) {
    this.#wire = wire
    this.#caller = caller
  }

  /** In the place of the real one. */
  get client(): HttpClient {
    return this as unknown as HttpClient
  }

  async send({ url, timeoutMs, ...request }: HttpRequest): Promise<HttpAnswer> {
    const { nodeId, path } = nodeAt(url)
    const { status, body } = await this.#wire.call(this.#caller, nodeId, { ...request, path }, timeoutMs)
    return { status, headers: {}, body }
  }

  async *stream({ url, idleMs }: { url: string; idleMs: number }): AsyncGenerator<Buffer> {
    const { nodeId, path } = nodeAt(url)
    const { status, body } = await this.#wire.call(this.#caller, nodeId, { method: 'GET', path }, idleMs)
    if (status !== 200) throw new Error(`status ${status}`)
    yield* body as Buffer[]
  }
}
