import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { FastifySchemaValidationError } from 'fastify'
import type { ErrorCode } from '../base/errors.ts'
import { type Maker, onFirstUse } from './warm-up.ts'

/** Our schemas are our own, and a test checks them: the schema of schemas takes longer to compile than all of them. */
const OWN_SCHEMAS = { meta: false, validateSchema: false } as const
const ajv = new Ajv({
  ...OWN_SCHEMAS,
  coerceTypes: false,
  removeAdditional: false,
  useDefaults: false,
  allErrors: false,
})

type Verdict = true | { error: ErrorObject[] }

/**
 * One check at the door. Bodies are taken as they are: a string is never turned into a number, nor an unknown field
 * dropped. Paths and queries are text by nature, so there "7" is a number.
 */
export function validatorFor(
  schema: object,
  part: string | undefined,
  maker: Maker = onFirstUse,
): (data: unknown) => Verdict {
  const compiled = maker.later<ValidateFunction>(() => ajv.compile(schema))
  const properties = part === 'body' ? {} : ((schema as { properties?: object }).properties ?? {})
  return data => {
    for (const [name, { type }] of Object.entries(properties)) readText(data as Texts, name, type)
    const check = compiled()
    return check(data) || { error: check.errors ?? [] }
  }
}

type Texts = Record<string, unknown>

/** Only what a person would write: not "0x7", and not "1e999", which is infinite. */
function readText(texts: Texts, name: string, type: unknown): void {
  const text = texts[name]
  if (typeof text !== 'string') return
  if (type === 'integer' && /^-?\d{1,16}$/.test(text)) texts[name] = Number(text)
  if (type === 'boolean' && /^(true|false)$/.test(text)) texts[name] = text === 'true'
}

/** What has a code of its own when it is too small or too large, as in Kafka. */
const OUT_OF_RANGE: Readonly<Record<string, ErrorCode>> = {
  numPartitions: 'INVALID_PARTITIONS',
  replicationFactor: 'INVALID_REPLICATION_FACTOR',
}

export function codeOf(errors: readonly (ErrorObject | FastifySchemaValidationError)[]): ErrorCode {
  const { instancePath, keyword } = errors[0]!
  const isOfRange = keyword === 'minimum' || keyword === 'maximum'
  return (isOfRange && OUT_OF_RANGE[instancePath.split('/').at(-1)!]) || 'INVALID_REQUEST'
}

/** Of a value that is not legal: which field has it, as a path with dots, and what was expected. */
export function detailsOf(errors: readonly (ErrorObject | FastifySchemaValidationError)[]) {
  const { instancePath, keyword } = errors[0]!
  const isAbsent = instancePath === '' || keyword === 'required' || keyword === 'additionalProperties'
  return isAbsent
    ? undefined
    : { field: instancePath.slice(1).replaceAll('/', '.'), expected: expectedOf(errors) }
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
  return `${part}${at}: ${expectedOf(errors)}`
}

/** A value that is one of a few is told all of them; those of a union come one by one. */
function expectedOf(errors: readonly (ErrorObject | FastifySchemaValidationError)[]): string {
  const { instancePath, message = 'is not valid' } = errors[0]!
  const allowed = errors
    .filter(error => error.instancePath === instancePath)
    .flatMap(({ keyword, params }) => {
      const { allowedValues, allowedValue } = params as { allowedValues?: unknown[]; allowedValue?: unknown }
      if (keyword === 'enum') return allowedValues ?? []
      return keyword === 'const' ? [allowedValue] : []
    })
    .map(value => JSON.stringify(value))
  if (allowed.length === 0) return message
  return `must be ${allowed.length === 1 ? '' : 'one of '}${allowed.join(', ')}`
}
