import type { Chance } from '../chance.ts'

/** How long a frame takes, as a rule. */
export type Latency = { readonly leastMs: number; readonly meanMs: number }

type Link = { cut: boolean; slowMs: number; cloggedUntil: number }

/** The cables between machines, each direction for itself. */
export class Links {
  readonly #links = new Map<number, Link>()
  readonly #chance: Chance
  readonly #latency: Latency
  #cuts = 0

  constructor(chance: Chance, latency: Latency) {
    this.#chance = chance
    this.#latency = latency
  }

  get cuts(): number {
    return this.#cuts
  }

  isCut(from: number, to: number): boolean {
    return this.#link(from, to).cut
  }

  cut(from: number, to: number): void {
    const link = this.#link(from, to)
    if (!link.cut) this.#cuts += 1
    link.cut = true
  }

  /** True if it was cut. */
  mend(from: number, to: number): boolean {
    const link = this.#link(from, to)
    if (!link.cut) return false
    link.cut = false
    this.#cuts -= 1
    return true
  }

  /** Frames take so much longer until further notice. */
  slow(from: number, to: number, ms: number): void {
    this.#link(from, to).slowMs = ms
  }

  /** Nothing comes through before `until`; then everything does. */
  clog(from: number, to: number, until: number): void {
    this.#link(from, to).cloggedUntil = until
  }

  /** When a frame arrives that leaves now. */
  arrival(from: number, to: number, now: number): number {
    const { slowMs, cloggedUntil } = this.#link(from, to)
    const { leastMs, meanMs } = this.#latency
    const slow = slowMs === 0 ? 0 : this.#chance.exponential(slowMs)
    return Math.max(now, cloggedUntil) + leastMs + this.#chance.exponential(meanMs) + slow
  }

  #link(from: number, to: number): Link {
    const key = from * 1024 + to
    let link = this.#links.get(key)
    if (link === undefined) {
      link = { cut: false, slowMs: 0, cloggedUntil: 0 }
      this.#links.set(key, link)
    }
    return link
  }
}
