import { Pool } from 'undici'

/** `body` becomes JSON. */
export type Write = {
  readonly method: 'POST' | 'PATCH'
  readonly path: string
  readonly body: object
  readonly headers?: Readonly<Record<string, string>>
}
/** Status 0: there was no answer, and `message` says why. */
export type Answered = {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly sentAt: number
  readonly tookMs: number
}

export type Writers<W extends Write> = {
  /** Of the node that all of them ask. */
  readonly url: string
  readonly clients: number
  readonly next: (client: number) => W
  readonly answered: (write: W, answer: Answered) => void | Promise<void>
  readonly over: () => boolean
}

const ANSWER_MS_MAX = 30_000

/** Clients with a connection each, and one write under way at a time, until `over`. Nothing is tried again. */
export async function writers<W extends Write>(options: Writers<W>): Promise<void> {
  const { url, clients, next, answered, over } = options
  const pool = new Pool(url, {
    connections: clients,
    headersTimeout: ANSWER_MS_MAX,
    bodyTimeout: ANSWER_MS_MAX,
  })
  const client = async (_: unknown, number: number): Promise<void> => {
    while (!over()) {
      const write = next(number)
      await answered(write, await send(pool, write))
    }
  }
  try {
    await Promise.all(Array.from({ length: clients }, client))
  } finally {
    await pool.close()
  }
}

async function send(pool: Pool, { method, path, body, headers }: Write): Promise<Answered> {
  const sentAt = performance.now()
  const told = (status: number, code = '', message = ''): Answered => {
    return { status, code, message, sentAt, tookMs: performance.now() - sentAt }
  }
  try {
    const answer = await pool.request({
      method,
      path: `/api/v1/metadata${path}`,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    const text = await answer.body.text()
    if (answer.statusCode < 300) return told(answer.statusCode)
    const { error } = JSON.parse(text) as { error: { code: string; message: string } }
    return told(answer.statusCode, error.code, error.message)
  } catch (error) {
    return told(0, 'no answer', String(error))
  }
}
