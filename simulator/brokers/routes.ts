import type { FastifyInstance } from 'fastify'
import { bodyOf, problemOf } from '../../src/api/problem.ts'
import { faultOf, validatorFor } from '../../src/api/validation.ts'
import { DmqError, ERRORS } from '../../src/base/errors.ts'
import type { Answer, Request } from './wire.ts'

type Schema = { readonly body?: object; readonly querystring?: object; readonly params?: object }
type Handler = (request: unknown, reply: Reply) => unknown
type Route = {
  readonly method: string
  readonly url: string
  readonly pattern: RegExp
  readonly schema: Schema
  readonly handler: Handler
}

/** The endpoints of a process, each the real one, without the HTTP server around them. */
export class Routes {
  readonly #routes: Route[] = []
  readonly #prefix: string
  readonly #onBug: (error: unknown) => void

  constructor(prefix: string, onBug: (error: unknown) => void) {
    this.#prefix = prefix
    this.#onBug = onBug
  }

  /** What endpoints register themselves with. */
  get app(): FastifyInstance {
    const adder = (method: string) => (url: string, options: { schema?: Schema }, handler: Handler) =>
      this.#add(method, url, options.schema ?? {}, handler)
    const app = {
      get: adder('GET'),
      post: adder('POST'),
      patch: adder('PATCH'),
      delete: adder('DELETE'),
      route: (route: { method: string; url: string; schema?: Schema; handler: Handler }) =>
        this.#add(route.method, route.url, route.schema ?? {}, route.handler),
    }
    return app as unknown as FastifyInstance
  }

  #add(method: string, path: string, schema: Schema, handler: Handler): void {
    const url = `${this.#prefix}${path}`
    const pattern = new RegExp(`^${url.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}$`)
    this.#routes.push({ method, url, pattern, schema, handler })
  }

  /** Never rejects. */
  async answer(request: Request): Promise<Answer> {
    try {
      return await this.#enter(request)
    } catch (error) {
      const problem = problemOf(error)
      if (problem.code === 'INTERNAL') this.#onBug(error)
      return { status: ERRORS[problem.code].status, body: bodyOf(problem) }
    }
  }

  async #enter({ method, path, body, headers = {} }: Request): Promise<Answer> {
    const [pathname = '', search = ''] = path.split('?')
    const route = this.#routes.find(each => each.method === method && each.pattern.test(pathname))
    if (route === undefined) throw new DmqError('NOT_FOUND', `${method} ${path}`)
    const params = { ...route.pattern.exec(pathname)!.groups }
    const query = Object.fromEntries(new URLSearchParams(search))
    const parsed = typeof body === 'string' ? (JSON.parse(body) as unknown) : body
    check(route.schema.params, params, 'params')
    check(route.schema.querystring, query, 'querystring')
    check(route.schema.body, parsed, 'body')
    const reply = new Reply()
    const routeOptions = { url: route.url }
    const request = { method, url: path, params, query, headers, body: parsed, rawBody: body, routeOptions }
    const result = await route.handler(request, reply)
    const payload = result === reply ? reply.payload : result
    return { status: reply.statusCode, body: jsonOf(payload) }
  }
}

class Reply {
  statusCode = 200
  payload: unknown

  status(code: number): this {
    this.statusCode = code
    return this
  }

  header(): this {
    return this
  }

  send(payload?: unknown): this {
    this.payload = payload
    return this
  }
}

function check(schema: object | undefined, given: unknown, part: string): void {
  if (schema === undefined) return
  const verdict = validators(schema, part)(given)
  if (verdict !== true) throw new DmqError('INVALID_REQUEST', faultOf(verdict.error, part))
}

const compiled = new WeakMap<object, ReturnType<typeof validatorFor>>()

function validators(schema: object, part: string): ReturnType<typeof validatorFor> {
  let validator = compiled.get(schema)
  if (validator === undefined) {
    validator = validatorFor(schema, part)
    compiled.set(schema, validator)
  }
  return validator
}

/** As it arrives: what JSON cannot carry is gone, and nothing is shared. */
function jsonOf(payload: unknown): unknown {
  return payload === undefined ? null : (JSON.parse(JSON.stringify(payload)) as unknown)
}
