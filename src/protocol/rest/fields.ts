import { Type } from 'typebox'

/** The fields that bodies of the REST contract are made of. */
export const closed = { additionalProperties: false }
export const open = { additionalProperties: true }

export const Id = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })
export const Version = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
export const Time = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'epoch milliseconds',
})
export const Text = (maxLength: number) => Type.String({ minLength: 1, maxLength })
/** Not the whole range: whoever takes up a term must have room for the elections after it. */
export const Term = Type.Integer({ minimum: 0, maximum: 2 ** 52 })
export const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
