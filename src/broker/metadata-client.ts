import type { HttpAnswer, HttpClient, HttpRequest } from '../io/http-client.ts'
import type { KnownController } from './metadata-copy.ts'

export type MetadataNode = { readonly id: number; readonly url: string }

const ASK_TIMEOUT_MS = 1_000

/** Asks the metadata nodes, over REST as everybody. */
export class MetadataClient {
  readonly nodes: readonly MetadataNode[]
  readonly #http: HttpClient

  constructor(nodes: readonly MetadataNode[], http: HttpClient) {
    this.nodes = nodes
    this.#http = http
  }

  /** Asks all metadata nodes at once who the controller is; the answer of the latest term counts. */
  async findController(): Promise<KnownController | null> {
    const answers = await Promise.all(this.nodes.map(({ url }) => this.#askController(url)))
    return answers.filter(answer => answer !== null).sort((a, b) => b.term - a.term)[0] ?? null
  }

  async #askController(url: string): Promise<KnownController | null> {
    try {
      const answer = await this.send({
        method: 'GET',
        url: `${url}/api/v1/metadata/controller`,
        timeoutMs: ASK_TIMEOUT_MS,
      })
      const {
        controllerId,
        url: controllerUrl,
        term,
      } = answer.body as { controllerId?: number; url?: string; term?: number }
      if (answer.status !== 200 || controllerId === undefined || !controllerUrl || term === undefined)
        return null
      return { id: controllerId, url: controllerUrl, term }
    } catch {
      return null
    }
  }

  send(request: HttpRequest): Promise<HttpAnswer> {
    return this.#http.send(request)
  }

  /** A long body, as it arrives. Throws when nothing does for `idleMs`. */
  stream(url: string, idleMs: number): AsyncIterable<Buffer> {
    return this.#http.stream({ url, idleMs })
  }
}

/** What an answer that is not a success says. */
export function failureOf({ status, body }: Pick<HttpAnswer, 'status' | 'body'>): {
  code: string
  message: string
} {
  const { error } = (body ?? {}) as { error?: { code?: string; message?: string } }
  return { code: error?.code ?? `HTTP_${status}`, message: error?.message ?? `status ${status}` }
}
