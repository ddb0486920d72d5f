import swagger from '@fastify/swagger'
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchemaValidationError,
} from 'fastify'
import { DmqError, ERRORS, messageOf } from '../base/errors.ts'
import { docsPage } from './docs-page.ts'
import { bodyOf, type Problem, problemOf } from './problem.ts'
import { faultOf, validatorFor } from './validation.ts'

export const BODY_BYTES_MAX = 1024 * 1024

export type AppOptions = {
  readonly title: string
  readonly version: string
  /** Called for errors that are bugs of ours. */
  readonly onBug: (error: unknown, request: { method: string; url: string }) => void
  /** Adds what a client needs to know besides the error, such as where the controller is. */
  readonly onProblem?: (problem: Problem, reply: FastifyReply) => Problem
}

/** An HTTP server with the rules that hold for every endpoint: one error shape, strict checks, limits, documentation. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const app = fastify({
    bodyLimit: BODY_BYTES_MAX,
    routerOptions: { maxParamLength: 1_000 },
    keepAliveTimeout: 75_000,
    requestTimeout: 60_000,
    forceCloseConnections: true,
    schemaErrorFormatter: (errors: FastifySchemaValidationError[], part: string) =>
      new Error(faultOf(errors, part)),
  })
  app.setValidatorCompiler(({ schema, httpPart }) => validatorFor(schema as object, httpPart))
  const answer = (problem: Problem, reply: FastifyReply) => {
    const final = options.onProblem?.(problem, reply) ?? problem
    return reply.status(ERRORS[final.code].status).send(bodyOf(final))
  }
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
  })
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
  app.get('/docs', { schema: { hide: true } }, (_, reply) =>
    reply.type('text/html; charset=utf-8').send(docsPage(app.swagger())),
  )
  return app
}

/** Begins to serve. A port in use is named, with what to do. */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      throw new Error(`port ${port} on ${host} is in use by another process; stop it, or choose another port`)
    }
    throw new Error(`cannot listen on ${host}:${port}: ${messageOf(error)}`)
  }
}
