import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

const REFUSAL_BYTES_MAX = 4096

/** What the other side said when it would not upgrade. */
export async function refusalOf(response: IncomingMessage): Promise<string> {
  const status = `refused with status ${response.statusCode}`
  let body = ''
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      body += chunk
      if (body.length > REFUSAL_BYTES_MAX) break
    }
    const { error } = JSON.parse(body) as { error?: { message?: unknown } }
    return typeof error?.message === 'string' ? `${status}: ${error.message}` : status
  } catch {
    return status
  }
}

/** Answers in the form in which the REST API tells of errors, and closes. */
export function refuse(
  socket: Socket,
  message: string,
  code = 'INVALID_REQUEST',
  status = 400,
  headers: readonly string[] = [],
): void {
  const body = JSON.stringify({ error: { code, message } })
  socket.on('error', () => {})
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `${headers.map(header => `${header}\r\n`).join('')}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}
