import type { Chance } from '../chance.ts'
import type { Links } from '../world/links.ts'
import type { ProcessLife } from '../world/process-life.ts'
import type { Timeline } from '../world/timeline.ts'

/** Who asks others. */
export type Caller = { readonly nodeId: number; readonly life: ProcessLife }

/** A process as others reach it by requests. */
export interface Site extends Caller {
  /** False while it starts: connections are refused. */
  readonly listens: boolean
  serve(from: number, request: Request): Promise<Answer>
}

export type Request = {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}
export type Answer = { readonly status: number; readonly body: unknown }

export type WireParts = {
  readonly timeline: Timeline
  readonly links: Links
  readonly chance: Chance
  /** The process that runs on a machine now. */
  readonly site: (nodeId: number) => Site | null
  readonly isPowered: (nodeId: number) => boolean
  /** How many of a hundred requests, or answers, are lost without a trace. */
  readonly lossPercent: () => number
}

/**
 * Requests between processes, each on a connection of its own: late, lost, refused where no process listens, reset where
 * it dies. Cuts are one-way: an answer can be lost to a request that was carried out.
 */
export class Wire {
  readonly timeline: Timeline
  readonly links: Links
  readonly site: WireParts['site']
  readonly isPowered: WireParts['isPowered']
  readonly #parts: WireParts

  constructor(parts: WireParts) {
    this.#parts = parts
    this.timeline = parts.timeline
    this.links = parts.links
    this.site = parts.site
    this.isPowered = parts.isPowered
  }

  /** Rejects with ECONNREFUSED, ECONNRESET or a timeout. Of a caller that has died nothing is heard any more. */
  call(from: Caller, to: number, request: Request, timeoutMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let over = false
      const finish = (run: () => void): void => {
        if (over) return
        over = true
        late.cancelled = true
        run()
      }
      const fail = (code: string) => (): void => finish(() => reject(errorOf(code, to)))
      const late = this.timeline.after(timeoutMs, () => from.life.enter('timer', fail('ETIMEDOUT')))
      const back = (run: () => void): void =>
        this.#carry(to, from.nodeId, () => from.life.enter('frame', run))
      const settle = (answer: Answer): void => finish(() => resolve(answer))
      this.#carry(from.nodeId, to, () => {
        const site = this.site(to)
        if (site?.listens) return this.#serve(site, from.nodeId, request, { back, fail, settle })
        if (this.isPowered(to)) back(fail('ECONNREFUSED'))
      })
    })
  }

  #serve(
    site: Site,
    from: number,
    request: Request,
    {
      back,
      fail,
      settle,
    }: {
      back: (run: () => void) => void
      fail: (code: string) => () => void
      settle: (answer: Answer) => void
    },
  ): void {
    const forget = site.life.onEnd(() => {
      // Where power fails nobody hears a word.
      this.timeline.after(0, () => {
        if (this.isPowered(site.nodeId)) back(fail('ECONNRESET'))
      })
    })
    site.life.enter('frame', () => {
      void site.serve(from, request).then(answer => {
        forget()
        if (site.life.alive) back(() => settle(answer))
      })
    })
  }

  /** One way: in time, late, or never. */
  #carry(from: number, to: number, arrived: () => void): void {
    const { links, timeline } = this
    if (links.isCut(from, to) || this.#isLost(from, to)) return
    timeline.at(links.arrival(from, to, timeline.now), () => {
      if (!links.isCut(from, to)) arrived()
    })
  }

  #isLost(from: number, to: number): boolean {
    const percent = this.#parts.lossPercent()
    return from !== to && percent > 0 && this.#parts.chance.happens(percent / 100)
  }
}

export function errorOf(code: string, to: number): Error {
  return Object.assign(new Error(`${code}, node ${to}`), { code })
}
