import swagger from '@fastify/swagger'
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchema,
  type FastifySchemaValidationError,
} from 'fastify'
import { DmqError, ERRORS, FatalError, messageOf } from '../base/errors.ts'
import type { Clock } from '../io/clock.ts'
import { nodeClock } from '../io/node-clock.ts'
import { ErrorBody } from '../protocol/rest/schemas.ts'
import { docsPage } from './docs-page.ts'
import { MalformedHttp } from './malformed-http.ts'
import { bodyOf, type Problem, problemOf } from './problem.ts'
import type { RequestMeasures } from './request-measures.ts'
import { serializerFor } from './serialization.ts'
import { faultOf, validatorFor } from './validation.ts'
import { type Maker, onFirstUse, WarmUp } from './warm-up.ts'

export const BODY_BYTES_MAX = 1024 * 1024

export type AppOptions = {
  readonly title: string
  readonly version: string
  /** Every answer says how new it is. */
  readonly metadataVersion: () => number
  readonly requests: RequestMeasures
  /** The paths whose connections can be upgraded; elsewhere, a client that offers an upgrade is answered in HTTP. */
  readonly upgradePaths?: readonly string[]
  /** Paces what is made ready in pauses. */
  readonly clock?: Pick<Clock, 'timer'>
  /** Called for errors that are bugs of ours. */
  readonly onBug: (error: unknown, request: { method: string; url: string }) => void
  /** Adds what a client needs to know besides the error, such as where the controller is. */
  readonly onProblem?: (problem: Problem, reply: FastifyReply) => Problem
}

/** Writes are what a new controller must answer at once; what reads need can wait for the first of them. */
function maker(warmUp: WarmUp, method: string): Maker {
  return method === 'GET' || method === 'HEAD' ? onFirstUse : warmUp
}

/** An HTTP server with the rules that hold for every endpoint: one error shape, strict checks, limits, documentation. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const malformed = new MalformedHttp(options.metadataVersion)
  const showVersion = (reply: FastifyReply): void => {
    if (!reply.hasHeader('x-metadata-version'))
      void reply.header('x-metadata-version', options.metadataVersion())
  }
  const answer = (problem: Problem, reply: FastifyReply) => {
    const final = options.onProblem?.(problem, reply) ?? problem
    showVersion(reply)
    return reply.status(ERRORS[final.code].status).send(bodyOf(final))
  }
  const app = fastify({
    bodyLimit: BODY_BYTES_MAX,
    routerOptions: { maxParamLength: 1_000 },
    keepAliveTimeout: 75_000,
    requestTimeout: 60_000,
    forceCloseConnections: true,
    http: {
      // Checked below: Node's own answer has no body.
      requireHostHeader: false,
      // Clients of many languages offer HTTP/2 with every first request.
      shouldUpgradeCallback: ({ url }) => options.upgradePaths?.includes(url ?? '') === true,
    },
    clientErrorHandler: (error, socket) => malformed.answer(error, socket),
    frameworkErrors: (error, _, reply) => answer(problemOf(error), reply as unknown as FastifyReply),
    schemaErrorFormatter: (errors: FastifySchemaValidationError[], part: string) =>
      new Error(faultOf(errors, part)),
  })
  malformed.watch(app)
  options.requests.watch(app)
  // An expectation that we do not know is ignored, as RFC 9110 allows.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  app.removeContentTypeParser('text/plain')
  const warmUp = new WarmUp(options.clock ?? nodeClock)
  app.setValidatorCompiler(({ schema, httpPart, method }) =>
    validatorFor(schema as object, httpPart, maker(warmUp, method)),
  )
  app.setSerializerCompiler(({ schema, method }) => serializerFor(schema as object, maker(warmUp, method)))
  app.addHook('onListen', async () => warmUp.begin())
  app.addHook('onClose', async () => warmUp.end())
  app.addHook('onRequest', (request, _, done) => done(hostFault(request)))
  app.addHook('onSend', (_, reply, __, done) => {
    showVersion(reply)
    done()
  })
  app.setErrorHandler((error, request: FastifyRequest, reply) => {
    const problem = problemOf(error)
    if (problem.code === 'INTERNAL') options.onBug(error, { method: request.method, url: request.url })
    return answer(problem, reply)
  })
  app.setNotFoundHandler((request, reply) =>
    answer(
      problemOf(
        new DmqError(
          'NOT_FOUND',
          `${request.method} ${request.url.slice(0, 200)}: no such endpoint; see /docs`,
        ),
      ),
      reply,
    ),
  )
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: options.title, version: options.version } },
    transform: ({ schema, url }) => ({ schema: withErrors(schema), url }),
  })
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
  app.get('/docs', { schema: { hide: true } }, (_, reply) =>
    reply.type('text/html; charset=utf-8').send(docsPage(app.swagger())),
  )
  return app
}

function hostFault({ raw }: FastifyRequest): DmqError | undefined {
  if (raw.headers.host !== undefined || raw.httpVersion !== '1.1') return undefined
  return new DmqError('INVALID_REQUEST', 'the Host header is missing; HTTP/1.1 requires it')
}

/** What every operation may answer besides what its schema says. */
function withErrors(schema: FastifySchema): FastifySchema {
  const success = { 200: { type: 'object', description: 'done' } }
  const { response = success } = schema as { response?: object }
  return { ...schema, response: { ...response, '4xx': ErrorBody, '5xx': ErrorBody } }
}

/** Begins to serve. A port in use is named, with what to do. */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      throw new FatalError(
        `port ${port} on ${host} is in use by another process; stop it, or choose another port`,
      )
    }
    throw new FatalError(
      `cannot listen on ${host}:${port} (${messageOf(error)}); --host and --port say where, or the node's entry in services.json`,
    )
  }
}
