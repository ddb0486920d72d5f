import { messageOf } from '../base/errors.ts'
import { type HttpAnswer, HttpClient } from '../io/http-client.ts'
import { type ErrorView, inOurWords } from './remedies.ts'

/** A request that was answered with an error, or by nobody. `code` is the contract's, or UNREACHABLE. */
export class RequestFailed extends Error {
  override name = 'RequestFailed'
  readonly code: string
  readonly details: ErrorView['details']

  constructor(code: string, message: string, details?: ErrorView['details']) {
    super(message)
    this.code = code
    this.details = details
  }
}

export type RestRequest = {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  readonly headers?: (method: string, path: string, body: string) => Record<string, string>
}

const RETRY_MS = 100
const ATTEMPT_TIMEOUT_MS = 5_000

/**
 * Finds the controller by itself, and outlives a failover: what is refused with 503, or finds nobody at home, is tried
 * again at the next node until `timeoutMs` is over. A write whose outcome is unknown is never repeated.
 */
export class RestClient {
  readonly #http = new HttpClient()
  readonly #timeoutMs: number
  #urls: string[]

  constructor(bootstrap: readonly string[], timeoutMs: number) {
    this.#urls = [...bootstrap]
    this.#timeoutMs = timeoutMs
  }

  async send<T>(request: RestRequest, timeoutMs = this.#timeoutMs): Promise<T> {
    const until = performance.now() + timeoutMs
    let last: RequestFailed
    for (;;) {
      const outcome = await this.#attempt<T>(request)
      if ('answer' in outcome) return outcome.answer
      last = outcome.failed
      if (performance.now() + RETRY_MS > until) break
      await new Promise(resolve => setTimeout(resolve, RETRY_MS))
    }
    throw new RequestFailed(last.code, `${last.message} (tried for ${timeoutMs} ms)`, last.details)
  }

  /**
   * Every node once, the one that last pointed to itself first. Throws what trying again cannot mend. What a node said tells
   * more than that another one said nothing.
   */
  async #attempt<T>(request: RestRequest): Promise<{ answer: T } | { failed: RequestFailed }> {
    let failed = new RequestFailed('UNREACHABLE', 'no metadata node to ask')
    for (const url of [...this.#urls]) {
      const answer = await this.#sendTo(url, request).catch((error: unknown) =>
        unreachable(request, url, error),
      )
      if (answer instanceof RequestFailed) failed = failed.code === 'UNREACHABLE' ? answer : failed
      else if (answer.status < 300) return { answer: answer.body as T }
      else failed = this.#refused(answer)
    }
    return { failed }
  }

  #sendTo(url: string, { method, path, body, headers }: RestRequest): Promise<HttpAnswer> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    return this.#http.send({
      method,
      url: `${url}${path}`,
      timeoutMs: Math.max(ATTEMPT_TIMEOUT_MS, this.#timeoutMs),
      ...(text === undefined ? {} : { body: text }),
      headers: { ...headers?.(method, path, text ?? '') },
    })
  }

  #refused({ status, headers, body }: HttpAnswer): RequestFailed {
    const { error = { code: `HTTP_${status}`, message: `answered ${status}` } } = (body ?? {}) as {
      error?: ErrorView
    }
    const { code, message, details } = inOurWords(error)
    const failed = new RequestFailed(code, message, details)
    if (status !== 503) throw failed
    const controller = headers['x-controller-url']
    if (typeof controller === 'string') this.preferred(controller)
    return failed
  }

  /** One node, once. Null: it does not answer, or cannot now. Throws what trying again cannot mend. */
  async askOne<T>(url: string, request: RestRequest): Promise<T | null> {
    const answer = await this.#sendTo(url, request).catch((error: unknown) =>
      unreachable(request, url, error),
    )
    if (answer instanceof RequestFailed) return null
    if (answer.status < 300) return answer.body as T
    this.#refused(answer)
    return null
  }

  /** The nodes to ask, in this order. */
  get urls(): readonly string[] {
    return this.#urls
  }

  /** Asks this node first from now on. */
  preferred(url: string): void {
    this.#urls = [url, ...this.#urls.filter(other => other !== url)]
  }

  /** Asks these nodes too, after those it knows. */
  alsoAsk(urls: readonly string[]): void {
    this.#urls = [...new Set([...this.#urls, ...urls])]
  }

  /** This node, and whoever named it, led nowhere: the others come first. */
  lookElsewhere(url: string): void {
    const [first, ...others] = this.#urls.filter(other => other !== url)
    this.#urls = [...others, ...(first === undefined ? [] : [first]), url]
  }

  close(): Promise<void> {
    return this.#http.close()
  }
}

/** A write that was sent and not answered may have been done: repeating it is for the user to decide. */
function unreachable({ method }: RestRequest, url: string, error: unknown): RequestFailed {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const neverSent = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'].includes(code)
  const why = messageOf(error) || code
  if (method === 'GET' || neverSent) return new RequestFailed('UNREACHABLE', `no answer from ${url} (${why})`)
  throw new RequestFailed(
    'COMMIT_TIMEOUT',
    `${url} broke off without an answer (${why}): the outcome is unknown; look before you repeat it`,
  )
}
