import { Type } from 'typebox'
import { Version } from './fields.ts'

/** What queries of many requests have in common. */
export const wait = {
  timeoutMs: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 60_000, description: 'how long to wait at most' }),
  ),
}
export const read = {
  minVersion: Type.Optional(Version),
  consistency: Type.Optional(
    Type.Unsafe<'local' | 'linearizable'>({
      type: 'string',
      enum: ['local', 'linearizable'],
      description: 'linearizable: shows every write that was acknowledged before (ReadIndex)',
    }),
  ),
  ...wait,
}
