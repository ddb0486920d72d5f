import buildSerializer from 'fast-json-stringify'
import type { Maker } from './warm-up.ts'

type Serializer = (body: unknown) => string

/** Writes bodies as `schema` has them, as Fastify itself would; but it is built when first needed, or before. */
export function serializerFor(schema: object, maker: Maker): Serializer {
  const built = maker.later<Serializer>(() => buildSerializer(schema, { compileValidators: true }))
  return body => built()(body)
}
