import { assert } from '../../base/assert.ts'
import { type Decision, reject } from '../decision.ts'
import { FEATURES, type FeatureLevels, supportedRange } from '../features.ts'
import type { Image } from '../image.ts'

/** Raises the levels of features, all of them or none. Whether every node supports them is asked before it is proposed. */
export type UpdateFeaturesCommand = {
  readonly type: 'UpdateFeaturesCommand'
  readonly time: number
  readonly levels: FeatureLevels
}

export function decide(image: Image, { levels }: UpdateFeaturesCommand): Decision {
  for (const [name, level] of Object.entries(levels)) {
    const fault = faultOf(image, name, level)
    if (fault !== null) return reject('FEATURE_UPDATE_FAILED', fault)
  }
  const { cluster } = image
  const { features } = cluster
  const raised = { ...features, ...levels }
  if (Object.keys(raised).every(name => raised[name] === features[name])) return { changes: [] }
  return { changes: [{ kind: 'clusterSet', cluster: { ...cluster, features: raised } }] }
}

function faultOf(image: Image, name: string, level: number): string | null {
  const range = supportedRange(name)
  assert(Number.isInteger(level), 'levels are whole numbers')
  if (range === undefined)
    return `feature ${JSON.stringify(name)} is not known; known are ${Object.keys(FEATURES).join(', ')}`
  const inForce = image.cluster.features[name]!
  if (level < inForce)
    return `${name} is at level ${inForce} and never goes down: there may be metadata that level ${level} does not know`
  if (level <= range.max) return null
  return `${name} ${level} was given, this release supports ${range.min} to ${range.max}`
}
