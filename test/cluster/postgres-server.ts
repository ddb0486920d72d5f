import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePorts } from './processes.ts'

const VERSIONS = '/usr/lib/postgresql'

/** Where the server's programs are; null: it is not installed. */
export function postgresPrograms(): string | null {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(a) - Number(b)) : []
  return versions.length === 0 ? null : join(VERSIONS, versions.at(-1)!, 'bin')
}

/** A PostgreSQL server of one's own, that can be killed and started again on its data. */
export class PostgresServer {
  readonly url: string
  readonly #programs: string
  readonly #folder: string
  readonly #port: number
  #process: ChildProcess | null = null

  static async create(programs: string): Promise<PostgresServer> {
    const [port] = await freePorts(1)
    const server = new PostgresServer(programs, port!)
    const [command, ...args] = server.#asUser('initdb', [
      '-D',
      server.#data,
      '-U',
      'postgres',
      '-A',
      'trust',
      '--no-sync',
    ])
    execFileSync(command!, args, { stdio: 'ignore', cwd: server.#folder })
    await server.start()
    return server
  }

  private constructor(programs: string, port: number) {
    this.#programs = programs
    this.#port = port
    this.#folder = mkdtempSync(join(tmpdir(), 'dmq-postgres-'))
    this.url = `postgres://postgres:not-to-be-shown@localhost:${port}/postgres`
    if (process.getuid?.() === 0) chownSync(this.#folder, ...userAndGroup())
  }

  get #data(): string {
    return join(this.#folder, 'data')
  }

  /** Resolves when it accepts connections. */
  async start(): Promise<void> {
    const options = [
      '-D',
      this.#data,
      '-p',
      String(this.#port),
      '-k',
      this.#folder,
      '-c',
      'listen_addresses=localhost',
      '-c',
      'fsync=off',
    ]
    const [command, ...args] = this.#asUser('postgres', options)
    const child = spawn(command!, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: this.#folder })
    this.#process = child
    for await (const line of createInterface({ input: child.stderr! }))
      if (/ready to accept connections/.test(line)) break
    child.stderr!.resume()
  }

  /** Ends it at once, as a crash would: connections break, and what was not written to its log yet is gone. */
  async kill(): Promise<void> {
    if (this.#process === null) return
    const over = once(this.#process, 'exit')
    this.#process.kill('SIGQUIT')
    await over
    this.#process = null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** The server refuses to run as root. */
  #asUser(program: string, args: readonly string[]): string[] {
    const command = [join(this.#programs, program), ...args]
    const change = ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups']
    return process.getuid?.() === 0 ? [...change, 'env', `HOME=${this.#folder}`, ...command] : command
  }
}

function userAndGroup(): [number, number] {
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres']))
  return [id('-u'), id('-g')]
}
