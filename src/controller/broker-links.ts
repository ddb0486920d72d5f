/** The live session of one broker process, whatever carries it. */
export type BrokerLink = {
  readonly brokerId: number
  /** Of the registration that the process opened it with. */
  readonly brokerEpoch: number
  /** `body`: JSON text. Throws when no answer comes. */
  request(name: string, body: string, timeoutMs: number): Promise<LinkAnswer>
  close(reason: string): void
}

export type LinkAnswer = { readonly status: number; readonly body: unknown }

type Opened = (brokerId: number, brokerEpoch: number) => void
type Lost = (brokerId: number, brokerEpoch: number, reason: string) => void

/**
 * Which brokers hold a session with this node now: one each, the latest. That a session is gone says that the connection
 * is, not yet that the process is: who is told draws the conclusions.
 */
export class BrokerLinks {
  readonly #links = new Map<number, BrokerLink>()
  /** How often each has given a sign of life. */
  readonly #signs = new WeakMap<BrokerLink, number>()
  readonly #opened = new Set<Opened>()
  readonly #lost = new Set<Lost>()
  #openedCount = 0

  /** Calls back with every session that begins. Returns how to stop that. */
  onOpened(listener: Opened): () => void {
    this.#opened.add(listener)
    return () => void this.#opened.delete(listener)
  }

  /** Calls back with every session that ended, but for those that this node ended or that a newer one replaced. */
  onLost(listener: Lost): () => void {
    this.#lost.add(listener)
    return () => void this.#lost.delete(listener)
  }

  opened(link: BrokerLink): void {
    const { brokerId, brokerEpoch } = link
    const before = this.#links.get(brokerId)
    this.#links.set(brokerId, link)
    this.#openedCount += 1
    before?.close('this broker opened another session')
    for (const listener of this.#opened) listener(brokerId, brokerEpoch)
  }

  closed(link: BrokerLink, reason: string): void {
    const { brokerId, brokerEpoch } = link
    if (this.#links.get(brokerId) !== link) return
    this.#links.delete(brokerId)
    for (const listener of this.#lost) listener(brokerId, brokerEpoch, reason)
  }

  /** Something came on it. */
  heard(link: BrokerLink): void {
    this.#signs.set(link, this.#signsOf(link) + 1)
  }

  /** The links there are, with how often each has given a sign of life. */
  signs(): Map<BrokerLink, number> {
    return new Map([...this.#links.values()].map(link => [link, this.#signsOf(link)]))
  }

  #signsOf(link: BrokerLink): number {
    return this.#signs.get(link) ?? 0
  }

  /** The other side is not there any more, though nobody said so: the link is lost. */
  drop(link: BrokerLink, reason: string): void {
    this.closed(link, reason)
    link.close(reason)
  }

  /** The link of this registration of the broker; undefined if it holds none. */
  of(brokerId: number, brokerEpoch: number): BrokerLink | undefined {
    const link = this.#links.get(brokerId)
    return link?.brokerEpoch === brokerEpoch ? link : undefined
  }

  /** How many there are, and how many have come and gone since the process started. */
  status(): { readonly open: number; readonly opened: number; readonly closed: number } {
    const open = this.#links.size
    return { open, opened: this.#openedCount, closed: this.#openedCount - open }
  }

  has(brokerId: number): boolean {
    return this.#links.has(brokerId)
  }

  /** Throws when the broker has no link, or no answer comes. */
  async send(brokerId: number, name: string, body: object, timeoutMs: number): Promise<LinkAnswer> {
    const link = this.#links.get(brokerId)
    if (link === undefined) throw new Error(`broker ${brokerId} holds no session with this node`)
    return link.request(name, JSON.stringify(body), timeoutMs)
  }

  /** Ends all of them: nobody is told that they are lost. */
  closeAll(reason: string): void {
    const links = [...this.#links.values()]
    this.#links.clear()
    for (const link of links) link.close(reason)
  }
}
