import { type Static, Type } from 'typebox'
import { closed, Version } from './fields.ts'

/** Levels of features: what a node supports, and what is in force in the cluster. */
const Level = Type.Integer({ minimum: 1, maximum: 10_000 })
const supported = {
  feature: Type.String(),
  supported: Type.Object({ min: Level, max: Level }, { description: 'by the node that was asked' }),
}

export const StorageFeaturesSchema = Type.Object({ features: Type.Array(Type.Object(supported)) })

export const FeaturesSchema = Type.Object({
  version: Version,
  features: Type.Array(
    Type.Object({
      ...supported,
      finalized: Type.Integer({ description: 'the level in force' }),
    }),
  ),
})

export const UpdateFeaturesBody = Type.Object(
  {
    features: Type.Record(Type.String(), Level, {
      ...closed,
      propertyNames: { maxLength: 100 },
      minProperties: 1,
      maxProperties: 20,
      description: 'the new level of each',
    }),
    validateOnly: Type.Optional(Type.Boolean()),
  },
  closed,
)
export type UpdateFeaturesBody = Static<typeof UpdateFeaturesBody>
