import { Ajv } from 'ajv'
import fc from 'fast-check'
import { ask, type NodeProcess } from '../cluster/processes.ts'

/**
 * Requests made from a node's own OpenAPI document: valid ones, and ones with something wrong. What is valid is decided
 * here from the document, not by the code under test.
 */
export type Schema = {
  type?: string
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  items?: Schema
  minItems?: number
  maxItems?: number
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  maxProperties?: number
}

type Parameter = { name: string; in: 'path' | 'query'; required: boolean; schema: Schema }

export type Operation = {
  readonly node: NodeProcess
  readonly method: string
  readonly path: string
  readonly summary: string
  readonly parameters: readonly Parameter[]
  readonly body: Schema | null
  /** By status, or class of statuses ("4XX"). */
  readonly responses: Readonly<Record<string, { content?: Record<string, { schema: Schema }> }>>
}

export type Request = {
  readonly path: Readonly<Record<string, string>>
  readonly query: readonly (readonly [string, string])[]
  readonly body: unknown
}

const ajv = new Ajv({ strict: false })

/** Those that answer in JSON, or not at all. */
export async function operationsOf(node: NodeProcess): Promise<Operation[]> {
  const { body } = await ask('GET', `${node.url}/openapi.json`)
  return Object.entries(body.paths as Record<string, Record<string, any>>)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { summary, parameters = [], requestBody, responses }]) => ({
        node,
        method: method.toUpperCase(),
        path,
        summary,
        parameters,
        body: requestBody?.content['application/json'].schema ?? null,
        responses,
      })),
    )
    .filter(speaksJson)
}

function speaksJson({ responses }: Operation): boolean {
  return Object.values(responses).every(({ content }) => content?.['text/plain'] === undefined)
}

export function targetOf({ path }: Operation, request: Request): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(request.path[name] ?? ''))
  const query = request.query.map(pair => pair.map(encodeURIComponent).join('=')).join('&')
  return query === '' ? filled : `${filled}?${query}`
}

/** What the document says to be wrong with a request, or null. */
export function faultOf({ parameters, body }: Operation, request: Request): 'path' | 'query' | 'body' | null {
  const queries = parameters.filter(parameter => parameter.in === 'query')
  for (const { name, schema } of parameters.filter(parameter => parameter.in === 'path'))
    if (!isText(schema, request.path[name] ?? '')) return 'path'
  const names = request.query.map(([name]) => name)
  if (queries.length > 0 && new Set(names).size !== names.length) return 'query'
  if (queries.length > 0 && names.some(name => !queries.some(query => query.name === name))) return 'query'
  for (const [name, text] of request.query) {
    const schema = queries.find(query => query.name === name)?.schema
    if (schema !== undefined && !isText(schema, text)) return 'query'
  }
  return body === null || ajv.validate(body, request.body) ? null : 'body'
}

function isText(schema: Schema, text: string): boolean {
  if (schema.type === 'integer')
    return /^-?\d{1,16}$/.test(text) && ajv.validate(schema, Number(text)) === true
  if (schema.type === 'boolean') return text === 'true' || text === 'false'
  return ajv.validate(schema, text) === true
}

/** Null: the answer is documented; else what is wrong with it. */
export function undocumented({ responses }: Operation, status: number, body: unknown): string | null {
  const response = responses[status] ?? responses[`${Math.floor(status / 100)}XX`]
  if (response === undefined) return `status ${status} is not documented`
  const schema = response.content?.['application/json']?.schema
  if (schema === undefined) return body === null ? null : `status ${status} has no body`
  return ajv.validate(schema, body) === true ? null : ajv.errorsText()
}

// Values by schema.

/**
 * Values by the name of their field, so that requests meet something that is there, cost little and go nowhere: the
 * controller pushes to whatever address a broker gives.
 */
const KNOWN: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  topicName: fc.constantFrom('kept', 't1', 't2', 't.3', 't_3', '__proto__', 'not legal', 'constructor'),
  brokerId: fc.constantFrom(5, 6, 7, 8),
  partition: fc.integer({ min: 0, max: 4 }),
  numPartitions: fc.integer({ min: 1, max: 9 }),
  replicationFactor: fc.integer({ min: 1, max: 3 }),
  assignments: fc.array(fc.array(fc.constantFrom(101, 5, 6, 7, 8), { minLength: 1, maxLength: 3 }), {
    minLength: 1,
    maxLength: 4,
  }),
  host: fc.constant('127.0.0.1'),
  port: fc.constant(9),
  controllerUrl: fc.constant('http://127.0.0.1:9'),
  timeoutMs: fc.integer({ min: 50, max: 1_000 }),
  waitMs: fc.integer({ min: 0, max: 20 }),
  minVersion: fc.integer({ min: 0, max: 20 }),
  since: fc.integer({ min: 0, max: 50 }),
  leaderEpoch: fc.integer({ min: 0, max: 3 }),
  partitionEpoch: fc.integer({ min: 0, max: 3 }),
  config: fc.dictionary(
    fc.constantFrom(
      'retention.ms',
      'min.insync.replicas',
      'cleanup.policy',
      'unclean.leader.election.enable',
      'toString',
    ),
    fc.constantFrom<unknown>('1', 2, 'compact', true, 'x', ''),
    { maxKeys: 2 },
  ),
}
const ALIASES: Readonly<Record<string, string>> = {
  name: 'topicName',
  topic: 'topicName',
  id: 'partition',
  sinceVersion: 'since',
}

function generated(schema: Schema, field = ''): fc.Arbitrary<unknown> {
  const known = KNOWN[ALIASES[field] ?? field]
  if (known !== undefined && field !== '') return known
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(one => generated(one)))
  switch (schema.type) {
    case 'integer':
      return fc.oneof(
        fc.constantFrom(schema.minimum ?? 0, schema.maximum ?? 2 ** 31),
        fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 100, 100) }),
      )
    case 'number':
      return fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
    case 'string':
      return fc.string({
        minLength: schema.minLength ?? 0,
        maxLength: Math.min(schema.maxLength ?? 30, 30),
        unit: 'binary',
      })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(generated(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 3, 3),
      })
    case 'object':
      return objectOf(schema)
    default:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

function objectOf({ properties = {}, required = [], additionalProperties }: Schema): fc.Arbitrary<unknown> {
  if (typeof additionalProperties === 'object')
    return fc.dictionary(fc.string({ maxLength: 20 }), generated(additionalProperties), { maxKeys: 3 })
  const model = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, generated(schema, name)]),
  )
  return fc.record(model, { requiredKeys: required as never[] })
}

/** A request that is valid, unless the rules behind the schema say otherwise. */
export function validRequest(operation: Operation): fc.Arbitrary<Request> {
  const paths = operation.parameters.filter(parameter => parameter.in === 'path')
  const queries = operation.parameters.filter(parameter => parameter.in === 'query')
  const texts = (parameters: readonly Parameter[]) =>
    Object.fromEntries(parameters.map(({ name, schema }) => [name, generated(schema, name).map(String)]))
  return fc.record({
    path: fc.record(texts(paths)) as fc.Arbitrary<Record<string, string>>,
    query: fc
      .record(texts(queries), { requiredKeys: [] })
      .map(query => bounded(Object.entries(query) as [string, string][])),
    body: operation.body === null ? fc.constant(undefined) : generated(operation.body),
  })
}

/** No request waits for long. */
function bounded(query: (readonly [string, string])[]): (readonly [string, string])[] {
  const waits = query.some(([name]) => name === 'minVersion')
  return waits ? [...query.filter(([name]) => name !== 'timeoutMs'), ['timeoutMs', '20']] : query
}

// What can be wrong.

const JUNK = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    'x',
    0,
    -1,
    0.5,
    2 ** 31,
    2 ** 53,
    -(2 ** 53),
    1e308,
    [],
    {},
    [[]],
    [null],
    { a: 1 },
  ),
  fc.constantFrom<unknown>(
    'x'.repeat(3_000),
    Array(40).fill(0),
    Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`k${i}`, 'v'])),
  ),
  fc.constantFrom<unknown>(
    { 'a\nb': {} },
    { 'a\u2028': [] },
    'a\u0000b',
    '\ud800',
    { length: 1 },
    { toJSON: 1 },
    { valueOf: 1 },
  ),
  fc.jsonValue({ maxDepth: 4 }),
)
const JUNK_TEXT = fc.constantFrom(
  '',
  ' ',
  '-1',
  '0x1',
  '1e9',
  '1e999',
  '1.0',
  '2147483648',
  '9007199254740993',
  'true',
  'null',
  '\u0000',
  '/',
  '..',
  '\ud83d\ude00',
  'x'.repeat(1_100),
)

type Change = { readonly at: number; readonly how: 'replace' | 'remove' | 'add'; readonly junk: unknown }
const CHANGE: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(),
  how: fc.constantFrom('replace', 'remove', 'add'),
  junk: JUNK,
})

/** A request with one or two things changed; it may still be valid. */
export function oddRequest(operation: Operation): fc.Arbitrary<Request> {
  const valid = validRequest(operation)
  const bodies = fc.oneof(
    {
      weight: 5,
      arbitrary: fc
        .tuple(valid, fc.array(CHANGE, { minLength: 1, maxLength: 2 }))
        .map(([request, changes]) => ({ ...request, body: changes.reduce(changed, request.body) })),
    },
    { weight: 1, arbitrary: fc.tuple(valid, JUNK).map(([request, body]) => ({ ...request, body })) },
  )
  const queries = fc
    .tuple(
      valid,
      fc.constantFrom('limit', 'after', 'since', 'force', 'timeoutMs', 'waitMs', 'nothing', '__proto__'),
      JUNK_TEXT,
    )
    .map(([request, name, text]) => ({
      ...request,
      query: [...request.query, [name, text] as [string, string]],
    }))
  const names = operation.parameters.filter(parameter => parameter.in === 'path').map(({ name }) => name)
  const paths = fc
    .tuple(valid, fc.constantFrom(...names, ''), JUNK_TEXT)
    .map(([request, name, text]) =>
      name === '' ? request : { ...request, path: { ...request.path, [name]: text } },
    )
  return operation.body === null
    ? fc.oneof(queries, paths)
    : fc.oneof({ weight: 4, arbitrary: bodies }, queries, paths)
}

/** Changes one place of a value: any object, list or leaf in it. */
function changed(value: unknown, { at, how, junk }: Change): unknown {
  const copy = structuredClone(value)
  const places = placesIn(copy)
  if (places.length === 0) return junk
  const { holder, key } = places[at % places.length]!
  if (how === 'replace') holder[key] = junk
  else if (how === 'remove' && !Array.isArray(holder)) delete holder[key]
  else if (how === 'remove') (holder as unknown as unknown[]).splice(Number(key), 1)
  else holder[Array.isArray(holder) ? holder.length : 'unknown'] = junk
  return copy
}

type Place = { readonly holder: Record<string, unknown>; readonly key: string }

function placesIn(value: unknown): Place[] {
  if (value === null || typeof value !== 'object') return []
  const holder = value as Record<string, unknown>
  return Object.keys(holder).flatMap(key => [{ holder, key }, ...placesIn(holder[key])])
}
