import type { Machine } from '../cluster/machine.ts'
import { Cuts, type Way } from './cuts.ts'
import type { FaultKind } from './faults.ts'
import type { FaultParts } from './machine-faults.ts'

/** Trouble of the network, each for a while. */
export class LinkFaults {
  readonly #parts: FaultParts
  readonly #cuts = new Cuts()

  constructor(parts: FaultParts) {
    this.#parts = parts
  }

  strike(kind: FaultKind, machine: Machine, ms: number): void {
    const { chance, cluster, coverage } = this.#parts
    const other = chance.pick(cluster.inService)
    switch (kind) {
      case 'cutOneWay':
        coverage.add('cutsOneWay')
        return this.#cut(ms, 'one-way cut', this.#someWay(machine, other))
      case 'cutSymmetric':
        coverage.add('cutsSymmetric')
        return this.#cut(ms, 'split', this.#split(cluster.ids.filter(() => chance.happens(0.5))))
      case 'isolate':
        coverage.add('isolations')
        return this.#cut(ms, 'isolation', this.#split([machine.id]))
      case 'bridge':
        coverage.add('bridges')
        return this.#cut(ms, 'bridge', this.#bridge(machine.id))
      case 'clog':
        return this.#clog(machine, ms)
      case 'slowLinks':
        return this.#slow(machine, ms)
      default:
        return
    }
  }

  /** Some hear each other and nobody else, until then or until what is returned is called. */
  cutOff(some: readonly number[], ms: number): () => void {
    const ways = this.#split(some)
    this.#cut(ms, 'cut off', ways)
    return () => this.#mend(ways)
  }

  /** One direction of one link; or everything that a machine sends, or everything that it should hear. */
  #someWay({ id }: Machine, other: Machine): Way[] {
    const { chance, cluster } = this.#parts
    const others = cluster.ids.filter(one => one !== id)
    const towards = others.map((one): Way => [one, id])
    const away = others.map((one): Way => [id, one])
    return chance.pick([towards, away, [[id, other.id]], [[other.id, id]]])
  }

  #split(some: readonly number[]): Way[] {
    return this.#pairs((a, b) => some.includes(a) !== some.includes(b))
  }

  /** Two halves that see each other only through one machine. */
  #bridge(bridge: number): Way[] {
    const left = this.#parts.cluster.ids.filter(id => id !== bridge && this.#parts.chance.happens(0.5))
    return this.#pairs((a, b) => a !== bridge && b !== bridge && left.includes(a) !== left.includes(b))
  }

  #pairs(apart: (a: number, b: number) => boolean): Way[] {
    const { ids } = this.#parts.cluster
    return ids.flatMap(a => ids.filter(b => a !== b && apart(a, b)).map((b): Way => [a, b]))
  }

  #cut(ms: number, what: string, ways: Way[]): void {
    const { cluster, trace } = this.#parts
    trace.note(0, 'cut', () => `${what} for ${ms.toFixed(0)} ms: ${show(ways)}`)
    for (const [from, to] of ways) cluster.network.links.cut(from, to)
    this.#cuts.add(ways)
    cluster.timeline.after(ms, () => this.#mend(ways))
  }

  #mend(ways: Way[]): void {
    const whole = this.#cuts.remove(ways)
    if (whole === null) return
    const { cluster, trace } = this.#parts
    trace.note(0, 'mend', () => show(whole))
    for (const [from, to] of whole) cluster.network.mend(from, to)
  }

  #clog({ id }: Machine, ms: number): void {
    const { cluster, coverage, trace } = this.#parts
    coverage.add('cloggedLinks')
    trace.note(0, 'clog', () => `nothing comes through to node ${id} for ${ms.toFixed(0)} ms`)
    for (const from of cluster.ids)
      if (from !== id) cluster.network.links.clog(from, id, cluster.timeline.now + ms)
  }

  #slow({ id }: Machine, ms: number): void {
    const { cluster, coverage, trace, chance } = this.#parts
    coverage.add('slowLinks')
    const meanMs = chance.pick([5, 30, 100])
    trace.note(0, 'slow', () => `links of node ${id} take ${meanMs} ms more for ${ms.toFixed(0)} ms`)
    const set = (to: number) => {
      for (const other of cluster.ids) {
        cluster.network.links.slow(other, id, to)
        cluster.network.links.slow(id, other, to)
      }
    }
    set(meanMs)
    cluster.timeline.after(ms, () => set(0))
  }

  mendAll(): void {
    this.#cuts.clear()
    const { ids, network } = this.#parts.cluster
    for (const [from, to] of ids.flatMap(from => ids.map(to => [from, to] as const))) {
      network.links.slow(from, to, 0)
      network.links.clog(from, to, 0)
      network.mend(from, to)
    }
  }
}

function show(ways: readonly Way[]): string {
  return ways.map(([from, to]) => `${from}>${to}`).join(' ')
}
