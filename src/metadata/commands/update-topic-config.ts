import { counted } from '../../base/counted.ts'
import type { Change } from '../change.ts'
import { type Decision, type Moment, type Rejection, reject } from '../decision.ts'
import type { Image } from '../image.ts'
import { underRules } from '../replication.ts'
import type { Topic } from '../topic.ts'
import { checkTopicConfig } from '../topic-config.ts'
import { unknownTopic } from './delete-topic.ts'
import { changedPartitions, revised, rulesOf } from './partitions-of-broker.ts'

/**
 * Sets config keys; null returns a key to its default. All keys or none. Keys that say who may lead count at once, not
 * with the next broker that goes.
 */
export type UpdateTopicConfigCommand = {
  readonly type: 'UpdateTopicConfigCommand'
  readonly time: number
  readonly topicName: string
  readonly config: Readonly<Record<string, string | null>>
}

export function decide(image: Image, command: UpdateTopicConfigCommand, moment: Moment): Decision {
  const topic = image.topic(command.topicName)
  if (topic === undefined) return unknownTopic(command.topicName)
  const checked = checkConfig(topic.config, command.config, topic.replicationFactor)
  if ('rejected' in checked) return checked
  if (sameConfig(topic.config, checked.config)) return { changes: [] }
  const changed = { ...topic, config: checked.config, modifiedAt: moment.time }
  return {
    changes: [{ kind: 'topicChanged', topic: changed }, ...underNewConfig(image, topic, changed, moment)],
  }
}

function underNewConfig(image: Image, before: Topic, after: Topic, moment: Moment): Change[] {
  const old = rulesOf(before.config, image)
  const rules = rulesOf(after.config, image)
  if (rules.minIsr === old.minIsr && rules.unclean === old.unclean) return []
  return changedPartitions(image, after.rows, partition =>
    revised(partition, underRules(partition, rules), moment),
  )
}

type Config = Readonly<Record<string, string>>

/** The config with the update applied, or the first thing that is wrong with it. */
export function checkConfig(
  before: Config,
  update: Readonly<Record<string, string | null>>,
  replicationFactor: number,
): { config: Config } | Rejection {
  const config: Record<string, string> = { ...before }
  for (const [key, given] of Object.entries(update)) {
    const checked = checkTopicConfig(key, given ?? '')
    if (given === null && !isUnknown(checked)) delete config[key]
    else if ('fault' in checked) return reject('INVALID_CONFIG', checked.fault)
    else config[key] = checked.value
  }
  // A move may have left fewer replicas than the minimum: that must not stop the other keys from being set.
  const fault = 'min.insync.replicas' in update ? tooManyInSync(config, replicationFactor) : null
  return fault ?? { config }
}

function isUnknown(checked: ReturnType<typeof checkTopicConfig>): boolean {
  return 'fault' in checked && checked.fault.startsWith('unknown')
}

/** A minimum that can never be met would refuse every write with full acknowledgement. */
function tooManyInSync(config: Config, replicationFactor: number): Rejection | null {
  const minimum = Number(config['min.insync.replicas'] ?? 1)
  if (minimum <= replicationFactor) return null
  return reject(
    'INVALID_CONFIG',
    `min.insync.replicas is ${minimum}, but the topic has only ${counted(replicationFactor, 'replica')} of each partition`,
  )
}

function sameConfig(a: Config, b: Config): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every(key => a[key] === b[key])
}
