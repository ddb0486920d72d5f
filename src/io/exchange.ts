import { ByteReader, ByteWriter } from '../base/bytes.ts'
import { type Deferred, deferred } from '../base/deferred.ts'
import { messageOf } from '../base/errors.ts'
import type { FrameSocket } from './frame-socket.ts'
import { type Respond, SESSION_BODY_BYTES_MAX, type Session, type SessionAnswer } from './session.ts'

const REQUEST = 1
const ANSWER = 2
const GOODBYE = 3

/** Requests of this side that wait for their answers, at most. */
const WAITING_MAX = 64
/** Requests of the other side that are being answered, at most: it gives up earlier on some than this side does. */
const ANSWERING_MAX = 4 * WAITING_MAX

type Waiting = { readonly answer: Deferred<SessionAnswer>; readonly timer: NodeJS.Timeout }

/**
 * Requests and answers on a stream of frames, both ways and in any order:
 *
 * ```
 * request   u8 1, u32 id, u8 length of the name, name, body (JSON)
 * answer    u8 2, u32 id of the request, u16 HTTP status, body (JSON; empty: none)
 * goodbye   u8 3, why the stream ends now (text)
 * ```
 *
 * The first byte is all that a later release may add to. What is malformed ends the stream, with the reason as a goodbye.
 */
export class Exchange implements Session {
  readonly #stream: FrameSocket
  readonly #respond: Respond
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #answering = 0
  #over: string | null = null

  constructor(stream: FrameSocket, respond: Respond) {
    this.#stream = stream
    this.#respond = respond
  }

  request(name: string, body: string, timeoutMs: number): Promise<SessionAnswer> {
    const refused = this.#refusal(body)
    if (refused !== null) return Promise.reject(new Error(refused))
    this.#lastId = (this.#lastId + 1) % 2 ** 32
    const id = this.#lastId
    const answer = deferred<SessionAnswer>()
    const late = (): void => this.#settle(id)?.answer.reject(new Error(`no answer in ${timeoutMs} ms`))
    this.#waiting.set(id, { answer, timer: setTimeout(late, timeoutMs) })
    if (!this.#stream.send(requestFrame(id, name, body)))
      this.#settle(id)?.answer.reject(new Error('too much is queued on the session'))
    return answer.promise
  }

  #refusal(body: string): string | null {
    if (this.#over !== null) return `the session has ended: ${this.#over}`
    if (this.#waiting.size >= WAITING_MAX) return `${WAITING_MAX} requests wait for their answers already`
    const bytes = Buffer.byteLength(body)
    return bytes > SESSION_BODY_BYTES_MAX
      ? `a body of ${bytes} bytes is over the limit of ${SESSION_BODY_BYTES_MAX}`
      : null
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return undefined
    this.#waiting.delete(id)
    clearTimeout(waiting.timer)
    return waiting
  }

  close(reason: string): void {
    if (this.#over !== null) return
    this.ended(reason)
    this.#stream.finish(Buffer.concat([Buffer.from([GOODBYE]), Buffer.from(reason.slice(0, 1_000))]))
  }

  /** The stream is over; nobody will answer any more. Returns why: what this side or the other gave as the reason, first. */
  ended(reason: string): string {
    this.#over ??= reason
    for (const id of [...this.#waiting.keys()])
      this.#settle(id)?.answer.reject(new Error(`the session has ended: ${this.#over}`))
    return this.#over
  }

  /** Takes a frame of the other side. Never throws. */
  take(frame: Buffer): void {
    if (this.#over !== null) return
    try {
      this.#take(new ByteReader(frame))
    } catch (error) {
      this.close(`a frame is malformed: ${messageOf(error)}`)
    }
  }

  #take(reader: ByteReader): void {
    const kind = reader.u8()
    if (kind === GOODBYE) {
      this.ended(`the other side ended it: ${reader.bytes(reader.remaining).toString()}`)
      return this.#stream.close()
    }
    if (kind !== REQUEST && kind !== ANSWER) throw new Error(`kind ${kind} is not known`)
    const id = reader.u32()
    if (kind === ANSWER) {
      const status = reader.u8() + reader.u8() * 256
      // Who waited for it may have given up.
      return this.#settle(id)?.answer.resolve({ status, body: bodyOf(reader) })
    }
    const name = reader.bytes(reader.u8()).toString()
    if (this.#answering >= ANSWERING_MAX) throw new Error(`more than ${ANSWERING_MAX} requests at once`)
    void this.#answer(id, name, bodyOf(reader))
  }

  async #answer(id: number, name: string, body: unknown): Promise<void> {
    this.#answering += 1
    try {
      const frame = answerFrame(id, await this.#respond(name, body))
      if (this.#over === null) this.#stream.send(frame)
    } catch (error) {
      this.close(`${name} could not be answered: ${messageOf(error)}`)
    } finally {
      this.#answering -= 1
    }
  }
}

function bodyOf(reader: ByteReader): unknown {
  const text = reader.bytes(reader.remaining).toString()
  return text === '' ? null : JSON.parse(text)
}

function requestFrame(id: number, name: string, body: string): Buffer {
  const writer = new ByteWriter(6 + name.length + body.length)
  writer.u8(REQUEST)
  writer.u32(id)
  writer.u8(name.length)
  writer.bytes(Buffer.from(name))
  writer.bytes(Buffer.from(body))
  return writer.finish()
}

function answerFrame(id: number, { status, body }: SessionAnswer): Buffer {
  const text = Buffer.from(body === null || body === undefined ? '' : JSON.stringify(body))
  if (text.length > SESSION_BODY_BYTES_MAX) {
    const message = `the answer of ${text.length} bytes does not fit into a frame; ask over REST`
    return answerFrame(id, { status: 413, body: { error: { code: 'BODY_TOO_LARGE', message } } })
  }
  const writer = new ByteWriter(7 + text.length)
  writer.u8(ANSWER)
  writer.u32(id)
  writer.u8(status % 256)
  writer.u8(Math.floor(status / 256))
  writer.bytes(text)
  return writer.finish()
}
