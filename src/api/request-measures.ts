import type { FastifyInstance, RouteOptions } from 'fastify'
import { Histogram, LATENCY_BOUNDS_MS } from '../base/histogram.ts'

/** What was answered on one route: how often with each status, and after how long. */
export class RouteMeasures {
  readonly method: string
  readonly route: string
  readonly statuses = new Map<number, number>()
  readonly latencyMs = new Histogram(LATENCY_BOUNDS_MS)

  constructor(method: string, route: string) {
    this.method = method
    this.route = route
  }

  answered(status: number, ms: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    this.latencyMs.observe(ms)
  }
}

/** Requests by route. Each route has its own numbers at hand: nothing is looked up or allocated for a request. */
export class RequestMeasures {
  readonly #routes: RouteMeasures[] = []

  /** Those that were asked for. */
  get routes(): readonly RouteMeasures[] {
    return this.#routes.filter(({ statuses }) => statuses.size > 0)
  }

  /** Before any route is added. */
  watch(app: FastifyInstance): void {
    app.addHook('onRoute', route => this.#watchRoute(route))
    const elsewhere = this.#add('ANY', '(none)')
    app.addHook('onResponse', (request, reply, done) => {
      if (request.is404) elsewhere.answered(reply.statusCode, reply.elapsedTime)
      done()
    })
  }

  #watchRoute(route: RouteOptions): void {
    const measures = this.#add(String(route.method), route.url)
    route.onResponse = (_, reply, done) => {
      measures.answered(reply.statusCode, reply.elapsedTime)
      done()
    }
  }

  #add(method: string, route: string): RouteMeasures {
    const measures = new RouteMeasures(method, route)
    this.#routes.push(measures)
    return measures
  }
}
