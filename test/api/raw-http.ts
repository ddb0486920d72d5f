import { connect, type Socket } from 'node:net'
import type { NodeProcess } from '../cluster/processes.ts'

/** HTTP as bytes, for what no client library would send. */
export type RawAnswer = { status: number; headers: Map<string, string>; text: string; body: any }

export type Exchange = {
  readonly answers: readonly RawAnswer[]
  /** Whether the other side ended the connection. */
  readonly closed: boolean
}

const WAIT_MS = 10_000

/** A connection that keeps everything that comes back. Dispose of it to end it. */
export class RawConnection {
  readonly socket: Socket
  received: Buffer = Buffer.alloc(0)
  closed = false
  #changed = (): void => {}

  static open(node: NodeProcess): Promise<RawConnection> {
    const socket = connect(node.entry.port, 'localhost')
    return new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.once('connect', () => resolve(new RawConnection(socket)))
    })
  }

  constructor(socket: Socket) {
    this.socket = socket
    socket.removeAllListeners('error')
    // A reset is one of the ways in which a connection is ended.
    socket.on('error', () => {})
    socket.on('data', chunk => {
      this.received = Buffer.concat([this.received, chunk])
      this.#changed()
    })
    socket.on('end', () => socket.destroy())
    socket.on('close', () => {
      this.closed = true
      this.#changed()
    })
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  get answers(): RawAnswer[] {
    return answersIn(this.received)
  }

  /** Waits until `done`, or until the other side ends the connection. Fails after `waitMs`. */
  async wait(what: string, done: () => boolean, waitMs = WAIT_MS): Promise<void> {
    while (!done() && !this.closed) {
      await new Promise<void>((resolve, reject) => {
        const over = () => reject(new Error(`waited ${waitMs} ms for: ${what}; got ${this.received}`))
        const timer = setTimeout(over, waitMs)
        this.#changed = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  async ended(waitMs = WAIT_MS): Promise<void> {
    await this.wait('the connection is ended', () => false, waitMs)
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

/** Sends bytes on a connection of their own; returns what came back once there are `count` answers, or it was closed. */
export async function exchange(node: NodeProcess, bytes: string | Uint8Array, count = 1): Promise<Exchange> {
  using connection = await RawConnection.open(node)
  connection.send(bytes)
  await connection.wait(`${count} answers`, () => connection.answers.length >= count)
  return { answers: connection.answers, closed: connection.closed }
}

/** One request as text, with the headers that every request has. */
export function requestText(
  method: string,
  path: string,
  headers: Readonly<Record<string, string | number>> = {},
  body = '',
): string {
  const lines = Object.entries({ Host: 'localhost', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}

export function jsonRequest(method: string, path: string, body: string): string {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body, 'latin1') }
  return requestText(method, path, headers, body)
}

/** The whole answers in what was received. Bodies of our servers have a length. */
function answersIn(received: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = []
  let rest = received.toString('latin1')
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) return answers
    const [statusLine, ...lines] = rest.slice(0, end).split('\r\n')
    const headers = new Map(
      lines.map(line => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      }),
    )
    const length = Number(headers.get('content-length') ?? 0)
    if (rest.length < end + 4 + length) return answers
    const text = Buffer.from(rest.slice(end + 4, end + 4 + length), 'latin1').toString()
    answers.push({ status: Number(statusLine!.split(' ')[1]), headers, text, body: parse(text) })
    rest = rest.slice(end + 4 + length)
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
