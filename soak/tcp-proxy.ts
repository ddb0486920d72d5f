import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net'

/**
 * What becomes of bytes on the way: `there` from who dials, `back` to it. Silence keeps connections open and drops all;
 * with `ends` false, that one end closed its connection is lost on the way as well.
 */
export type Way = { readonly there: boolean; readonly back: boolean; readonly ends?: boolean }

const OPEN: Way = { there: true, back: true }

/** A link between two processes that can be cut: in both directions or in one, by silence or by refusal. */
export class TcpProxy {
  readonly #server: Server
  readonly #target: number
  readonly #pairs = new Set<[Socket, Socket]>()
  #way = OPEN
  #refusing = false

  static async to(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target)
    await once(proxy.#server.listen(0, 'localhost'), 'listening')
    return proxy
  }

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer(socket => this.#accept(socket))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Silence in a direction: what is on its way is lost, as when a switch forgets a port. */
  silence(way: Way): void {
    this.#way = way
  }

  /** Connections break, and new ones are closed at once. */
  refuse(): void {
    this.#refusing = true
    this.#closeAll()
  }

  /** Streams that lost bytes cannot go on: they break, and are dialled anew. */
  heal(): void {
    const lossy = this.#way !== OPEN
    this.#way = OPEN
    this.#refusing = false
    if (lossy) this.#closeAll()
  }

  close(): void {
    this.#server.close()
    this.#closeAll()
  }

  #accept(dialer: Socket): void {
    dialer.on('error', () => {})
    if (this.#refusing) return void dialer.destroy()
    const target = createConnection(this.#target, 'localhost')
    const pair: [Socket, Socket] = [dialer, target]
    this.#pairs.add(pair)
    const end = (): void => {
      this.#pairs.delete(pair)
      dialer.destroy()
      target.destroy()
    }
    const ended = (): void => {
      if (this.#way.ends !== false) end()
    }
    target.on('error', ended)
    dialer.on('close', ended)
    target.on('close', ended)
    dialer.on('data', bytes => this.#way.there && target.write(bytes))
    target.on('data', bytes => this.#way.back && dialer.write(bytes))
  }

  #closeAll(): void {
    for (const sockets of this.#pairs) for (const socket of sockets) socket.destroy()
  }
}
