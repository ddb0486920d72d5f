import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ERRORS } from '../base/errors.ts'
import { bodyOf, type Problem } from './problem.ts'

type Socket = FastifyRequest['raw']['socket']
type Response = FastifyReply['raw']
type ClientError = Error & { code?: string; reason?: string }

/**
 * What is not HTTP never becomes a request, so no endpoint can answer it. It gets the one error shape all the same, and
 * its connection is closed. Not where an earlier request on the connection waits for its answer: the client would take
 * this one for it, and a write that was done for one that was refused.
 */
export class MalformedHttp {
  /** To the latest request of each connection; they are answered in order. */
  readonly #responses = new WeakMap<Socket, Response>()
  readonly #metadataVersion: () => number

  constructor(metadataVersion: () => number) {
    this.#metadataVersion = metadataVersion
  }

  watch(app: FastifyInstance): void {
    app.addHook('onRequest', (request, reply, done) => {
      this.#responses.set(request.raw.socket, reply.raw)
      done()
    })
  }

  answer(error: ClientError, socket: Socket): void {
    if (error.code === 'ECONNRESET' || !socket.writable || isAwaited(this.#responses.get(socket))) {
      socket.destroySoon()
      return
    }
    const body = JSON.stringify(bodyOf(problemOf(error)))
    socket.end(
      `HTTP/1.1 ${ERRORS.INVALID_REQUEST.status} Bad Request\r\nConnection: close\r\n` +
        `X-Metadata-Version: ${this.#metadataVersion()}\r\n` +
        `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      () => socket.destroy(),
    )
  }
}

/** Its request has arrived whole; or it has no socket yet, since others come before it. */
function isAwaited(response: Response | undefined): boolean {
  if (response === undefined || response.writableFinished) return false
  return response.req.complete || response.socket === null
}

function problemOf({ code, reason, message }: ClientError): Problem {
  if (code === 'HPE_HEADER_OVERFLOW')
    return { code: 'INVALID_REQUEST', message: 'the request line and the headers are over 16 KiB' }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { code: 'INVALID_REQUEST', message: 'the request did not arrive in time' }
  return { code: 'INVALID_REQUEST', message: `this is not HTTP/1.1: ${reason ?? message}` }
}
