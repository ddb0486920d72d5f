import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { FastifySchemaValidationError } from 'fastify'

/**
 * One check at the door. Bodies are taken as they are: a string is never turned into a number, nor an unknown field
 * dropped. Paths and queries are text by nature, so there "7" is a number.
 */
const strict = new Ajv({ coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false })
const textual = new Ajv({ coerceTypes: true, removeAdditional: false, useDefaults: false, allErrors: false })

export function validatorFor(schema: object, part: string | undefined): ValidateFunction {
  return (part === 'body' ? strict : textual).compile(schema)
}

/** Says what was given, where, and what was expected. */
export function faultOf(
  errors: readonly (ErrorObject | FastifySchemaValidationError)[],
  part: string,
): string {
  const error = errors[0]!
  const at = error.instancePath === '' ? '' : ` ${error.instancePath.slice(1).replaceAll('/', '.')}`
  const params = error.params as Record<string, unknown>
  if (error.keyword === 'additionalProperties')
    return `${part}${at}: unknown field ${JSON.stringify(params.additionalProperty)}`
  if (error.keyword === 'required')
    return `${part}${at}: field ${JSON.stringify(params.missingProperty)} is missing`
  return `${part}${at}: ${error.message ?? 'is not valid'}`
}
