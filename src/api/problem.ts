import type { FastifyError } from 'fastify'
import { DmqError, ERRORS, type ErrorCode } from '../base/errors.ts'
import { codeOf, detailsOf } from './validation.ts'

export type Problem = {
  readonly code: ErrorCode
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>>
}

const FRAMEWORK_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
}

/** What the client is told about anything that was thrown. A bug of ours shows nothing from inside. */
export function problemOf(error: unknown): Problem {
  if (error instanceof DmqError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.details === undefined ? {} : { details: error.details }),
    }
  }
  const { code, statusCode, message, validation } = error as Partial<FastifyError>
  if (validation !== undefined) {
    const details = detailsOf(validation)
    return {
      code: codeOf(validation),
      message: String(message),
      ...(details === undefined ? {} : { details }),
    }
  }
  const known = code === undefined ? undefined : FRAMEWORK_CODES[code]
  if (known !== undefined) return { code: known, message: `${ERRORS[known].meaning} ${message ?? ''}`.trim() }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return { code: 'INVALID_REQUEST', message: String(message).slice(0, 300) }
  }
  return { code: 'INTERNAL', message: 'internal error; the node has logged what happened' }
}

export function bodyOf({ code, message, details }: Problem) {
  return { error: { code, message, ...(details === undefined ? {} : { details }) } }
}

/** Why one part of a request was refused, as it is shown beside the parts that were not. */
export function errorOf({
  rejected: code,
  message,
  details,
}: {
  readonly rejected: ErrorCode
  readonly message: string
  readonly details?: Problem['details']
}): Problem {
  return { code, message, ...(details === undefined ? {} : { details }) }
}
