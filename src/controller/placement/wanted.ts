type Group = { readonly group: number; readonly nodes: number[] }

/** A set of nodes by the group (rack) that they are in, which shrinks. */
export class Wanted {
  readonly groups: Group[] = []
  readonly #groupOf: Int32Array
  readonly #has: Uint8Array
  #size = 0
  /** Where a search begins: moved on after each find, so that all get their turn. */
  turn = 0

  constructor(nodes: readonly number[], groupOf: Int32Array) {
    this.#groupOf = groupOf
    this.#has = new Uint8Array(groupOf.length)
    const byGroup = new Map<number, number[]>()
    for (const node of nodes) {
      const members = byGroup.get(groupOf[node]!)
      if (members === undefined) byGroup.set(groupOf[node]!, [node])
      else members.push(node)
      this.#has[node] = 1
      this.#size += 1
    }
    for (const [group, members] of byGroup) this.groups.push({ group, nodes: members })
  }

  get size(): number {
    return this.#size
  }

  has(node: number): boolean {
    return this.#has[node] === 1
  }

  nodes(): number[] {
    return this.groups.flatMap(({ nodes }) => nodes)
  }

  remove(node: number): void {
    if (this.#has[node] === 0) return
    this.#has[node] = 0
    this.#size -= 1
    const at = this.groups.findIndex(({ group }) => group === this.#groupOf[node])
    const { nodes } = this.groups[at]!
    nodes.splice(nodes.indexOf(node), 1)
    if (nodes.length === 0) this.groups.splice(at, 1)
  }
}
