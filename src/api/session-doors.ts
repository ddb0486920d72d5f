import type { ErrorObject } from 'ajv'
import { DmqError, ERRORS } from '../base/errors.ts'
import { bodyOf, type Problem, problemOf } from './problem.ts'
import { faultOf, validatorFor } from './validation.ts'

type Door = {
  readonly check: (body: unknown) => true | { error: ErrorObject[] }
  readonly enter: (body: never) => unknown
}

export type DoorsOptions = {
  /** Called for errors that are bugs of ours. */
  readonly onBug: (error: unknown, name: string) => void
  /** Adds what the other side needs to know besides the error, such as where the controller is. */
  readonly onProblem?: (problem: Problem) => Problem
}

/**
 * Endpoints that nodes reach on a session as well as over REST: under a name, with the same body, the same check, the same
 * handler and the same answer. An endpoint's file adds its door beside its route.
 */
export class SessionDoors {
  readonly #doors = new Map<string, Door>()
  #options: DoorsOptions = { onBug: () => {} }

  configure(options: DoorsOptions): void {
    this.#options = options
  }

  /** What a door throws is answered like over REST. */
  add<Body>(name: string, schema: object, enter: (body: Body) => unknown): void {
    this.#doors.set(name, { check: validatorFor(schema, 'body'), enter: enter as Door['enter'] })
  }

  /** Never throws. `brokerId`: who speaks on the session; nobody speaks for another broker. */
  async answer(
    name: string,
    body: unknown,
    brokerId: number | null,
  ): Promise<{ status: number; body: unknown }> {
    try {
      return { status: 200, body: await this.#enter(name, body, brokerId) }
    } catch (error) {
      const problem = problemOf(error)
      if (problem.code === 'INTERNAL') this.#options.onBug(error, name)
      const final = this.#options.onProblem?.(problem) ?? problem
      return { status: ERRORS[final.code].status, body: bodyOf(final) }
    }
  }

  #enter(name: string, body: unknown, brokerId: number | null): unknown {
    const door = this.#doors.get(name)
    if (door === undefined)
      throw new DmqError('NOT_FOUND', `${JSON.stringify(name.slice(0, 100))}: no such request on a session`)
    const verdict = door.check(body)
    if (verdict !== true) throw new DmqError('INVALID_REQUEST', faultOf(verdict.error, 'body'))
    if (brokerId !== null) assertSpeaker(body as object, brokerId)
    return door.enter(body as never)
  }
}

/** Bodies name their sender in one of these fields. */
const SENDERS = ['brokerId', 'nodeId', 'serviceId'] as const

function assertSpeaker(body: Partial<Record<string, unknown>>, brokerId: number): void {
  for (const field of SENDERS) {
    const named = body[field]
    if (named !== undefined && named !== brokerId)
      throw new DmqError('INVALID_REQUEST', `the session is of broker ${brokerId}, ${field} is ${named}`)
  }
}
