import { spawnSync } from 'node:child_process'

/** A bridge has the address of one of its ports if it has none of its own: packets for it would still arrive there. */
const BRIDGE_ADDRESS = '02:00:00:00:00:01'

/**
 * Hosts on this machine that a network joins: a network namespace each, and a bridge between them. A host that is cut off
 * loses every packet from and to it without a word, as with a cable pulled out or a switch gone; its processes go on. Needs
 * root and `ip` (iproute2).
 */
export class Hosts {
  readonly addresses: readonly string[]
  readonly #name: string

  /** Null: not possible on this machine. */
  static open(count: number): Hosts | null {
    // Names of interfaces have at most 15 characters.
    const name = `dmq${process.pid % 1_000_000}`
    const subnet = `10.213.${process.pid % 250}`
    const hosts = new Hosts(
      name,
      Array.from({ length: count }, (_, i) => `${subnet}.${i + 1}`),
    )
    try {
      hosts.#build(`${subnet}.254/24`)
      return hosts
    } catch {
      hosts.close()
      return null
    }
  }

  private constructor(name: string, addresses: readonly string[]) {
    this.#name = name
    this.addresses = addresses
  }

  #build(own: string): void {
    const bridge = this.#bridge
    ip('link', 'add', bridge, 'address', BRIDGE_ADDRESS, 'type', 'bridge')
    ip('addr', 'add', own, 'dev', bridge)
    ip('link', 'set', bridge, 'up')
    for (const [i, address] of this.addresses.entries()) {
      const [space, link] = [this.#space(i), this.#link(i)]
      ip('netns', 'add', space)
      ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space)
      ip('link', 'set', link, 'master', bridge, 'up')
      ip('-n', space, 'addr', 'add', `${address}/24`, 'dev', 'eth0')
      ip('-n', space, 'link', 'set', 'eth0', 'up')
      ip('-n', space, 'link', 'set', 'lo', 'up')
    }
  }

  /** The same command, on that host. */
  on(host: number, command: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.#space(host), ...command]
  }

  cutOff(host: number): void {
    ip('link', 'set', this.#link(host), 'nomaster')
  }

  mend(host: number): void {
    ip('link', 'set', this.#link(host), 'master', this.#bridge)
  }

  close(): void {
    for (const i of this.addresses.keys()) spawnSync('ip', ['netns', 'del', this.#space(i)])
    spawnSync('ip', ['link', 'del', this.#bridge])
  }

  get #bridge(): string {
    return `${this.#name}-b`
  }

  #space(host: number): string {
    return `${this.#name}-${host}`
  }

  #link(host: number): string {
    return `${this.#name}-v${host}`
  }
}

function ip(...args: string[]): void {
  const { status, error, stderr } = spawnSync('ip', args)
  if (error !== undefined || status !== 0) throw error ?? new Error(`ip ${args.join(' ')}: ${stderr}`)
}
