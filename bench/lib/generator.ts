// Load for one HTTP server, in a process of its own: N clients, each with one connection and one request under way.
// Reads its task as JSON from the first argument, prints its result as JSON. Bare sockets, so that the generator costs
// little beside what it measures, and the same for every server.
import { createConnection, type Socket } from 'node:net'

export type Task = {
  readonly host: string
  readonly port: number
  readonly clients: number
  readonly seconds: number
  readonly method: string
  /** `{client}` is replaced by the client's number. */
  readonly path: string
  /** `{client}` as above, or `{client64}`; `{count}` or `{count64}` by a number that grows (64: in base64). */
  readonly body: string
}

export type Result = {
  readonly done: number
  readonly failed: number
  readonly seconds: number
  readonly p50: number
  readonly p99: number
  readonly cpuSeconds: number
}

function client(task: Task, number: number, latencies: number[], over: () => boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket: Socket = createConnection({ host: task.host, port: task.port, noDelay: true })
    const path = task.path.replaceAll('{client}', String(number))
    const template = task.body
      .replaceAll('{client}', String(number))
      .replaceAll('{client64}', Buffer.from(`bench-${number}`).toString('base64'))
    const head = `${task.method} ${path} HTTP/1.1\r\nHost: ${task.host}:${task.port}\r\nContent-Type: application/json\r\nContent-Length: `
    let count = 1_000_000 + number * 1_000_000
    let failed = 0
    let sentAt = 0
    let received = ''
    const send = (): void => {
      if (over()) {
        socket.destroy()
        resolve(failed)
        return
      }
      count += 1
      const text = String(count)
      const body = template
        .replace('{count}', text)
        .replace('{count64}', Buffer.from(text).toString('base64'))
      sentAt = performance.now()
      socket.write(`${head}${Buffer.byteLength(body)}\r\n\r\n${body}`)
    }
    socket.on('data', chunk => {
      received += chunk.toString('latin1')
      const end = answerEnd(received)
      if (end < 0) return
      if (!received.startsWith('HTTP/1.1 2')) failed += 1
      received = received.slice(end)
      latencies.push(performance.now() - sentAt)
      send()
    })
    socket.on('connect', send)
    socket.on('error', reject)
  })
}

/** Where the first answer ends; -1 while it is not whole. Knows Content-Length and chunked bodies. */
function answerEnd(text: string): number {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return -1
  const length = /content-length: (\d+)/i.exec(text.slice(0, headEnd))
  if (length === null) {
    const last = text.indexOf('\r\n0\r\n\r\n', headEnd)
    return last < 0 ? -1 : last + 7
  }
  const end = headEnd + 4 + Number(length[1])
  return text.length >= end ? end : -1
}

const task = JSON.parse(process.argv[2]!) as Task
const latencies: number[] = []
const begun = performance.now()
const over = (): boolean => performance.now() - begun > task.seconds * 1_000
const failures = await Promise.all(
  Array.from({ length: task.clients }, (_, number) => client(task, number, latencies, over)),
)
const seconds = (performance.now() - begun) / 1_000
latencies.sort((a, b) => a - b)
const { user, system } = process.cpuUsage()
const result: Result = {
  done: latencies.length,
  failed: failures.reduce((sum, failed) => sum + failed, 0),
  seconds,
  p50: latencies[Math.floor(latencies.length * 0.5)]!,
  p99: latencies[Math.floor(latencies.length * 0.99)]!,
  cpuSeconds: (user + system) / 1e6,
}
process.stdout.write(JSON.stringify(result))
