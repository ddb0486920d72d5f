import { Agent, request } from 'undici'

/** One answer: status, headers and the parsed JSON body (null where there is none). */
export type HttpAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: unknown
}

export type HttpRequest = {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly url: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

/** Whatever sends requests. */
export type HttpSender = Pick<HttpClient, 'send'>

/**
 * HTTP to other nodes and for the CLI. Throws on whatever keeps an answer from coming (refused, reset, timed out);
 * every answer that comes, of whatever status, is returned.
 */
export class HttpClient {
  readonly #agent = new Agent({
    connections: 8,
    pipelining: 1,
    keepAliveTimeout: 10_000,
    connect: { timeout: 3_000 },
  })

  async send({ method, url, body, headers, timeoutMs }: HttpRequest): Promise<HttpAnswer> {
    const response = await request(url, {
      method,
      dispatcher: this.#agent,
      signal: AbortSignal.timeout(timeoutMs),
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body }),
    })
    const text = await response.body.text()
    return { status: response.statusCode, headers: response.headers, body: parse(text) }
  }

  /**
   * The body of an answer of any length, as it arrives. Throws on any status but 200, with what the answer says, and when
   * nothing arrives for `idleMs`. Who stops reading closes the connection.
   */
  async *stream({ url, idleMs }: { url: string; idleMs: number }): AsyncGenerator<Buffer> {
    const { statusCode, body } = await request(url, {
      method: 'GET',
      dispatcher: this.#agent,
      headersTimeout: idleMs,
      bodyTimeout: idleMs,
    })
    if (statusCode !== 200) {
      const { error } = (parse(await body.text()) ?? {}) as { error?: { message?: unknown } }
      throw new Error(typeof error?.message === 'string' ? error.message : `status ${statusCode}`)
    }
    for await (const chunk of body) yield chunk as Buffer
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }
}

function parse(text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
