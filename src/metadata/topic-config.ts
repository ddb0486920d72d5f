/** The topic config keys, as Kafka names them: type, range and default of each. Values are kept as strings. */
type Integer = { type: 'integer'; min: number; max: number; default: string }
type Choice = { type: 'choice'; choices: readonly string[]; list?: boolean; default: string }

const INT32_MAX = 2 ** 31 - 1

export const TOPIC_CONFIG: Readonly<Record<string, Integer | Choice>> = {
  'cleanup.policy': { type: 'choice', choices: ['delete', 'compact'], list: true, default: 'delete' },
  'compression.type': {
    type: 'choice',
    choices: ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'],
    default: 'producer',
  },
  'max.message.bytes': { type: 'integer', min: 0, max: INT32_MAX, default: '1048588' },
  'min.insync.replicas': { type: 'integer', min: 1, max: INT32_MAX, default: '1' },
  'retention.bytes': { type: 'integer', min: -1, max: Number.MAX_SAFE_INTEGER, default: '-1' },
  'retention.ms': { type: 'integer', min: -1, max: Number.MAX_SAFE_INTEGER, default: '604800000' },
  'segment.bytes': { type: 'integer', min: 14, max: INT32_MAX, default: '1073741824' },
  'unclean.leader.election.enable': { type: 'choice', choices: ['true', 'false'], default: 'false' },
}

/** The value in its one written form, or what is wrong with it. */
export function checkTopicConfig(key: string, value: string): { value: string } | { fault: string } {
  const rule = Object.hasOwn(TOPIC_CONFIG, key) ? TOPIC_CONFIG[key] : undefined
  if (rule === undefined) {
    return {
      fault: `unknown topic config key ${JSON.stringify(key)}; known are ${Object.keys(TOPIC_CONFIG).join(', ')}`,
    }
  }
  return rule.type === 'integer' ? checkInteger(key, value, rule) : checkChoice(key, value, rule)
}

function checkInteger(
  key: string,
  value: string,
  { min, max }: Integer,
): { value: string } | { fault: string } {
  const number = Number(value)
  if (/^-?\d+$/.test(value.trim()) && number >= min && number <= max) return { value: String(number) }
  return { fault: `${key} is ${JSON.stringify(value)}; expected an integer from ${min} to ${max}` }
}

function checkChoice(key: string, value: string, rule: Choice): { value: string } | { fault: string } {
  const parts = rule.list ? value.split(',').map(part => part.trim()) : [value]
  if (parts.length > 0 && parts.every(part => rule.choices.includes(part)))
    return { value: [...new Set(parts)].sort().join(',') }
  const several = rule.list ? ' (several with commas)' : ''
  return { fault: `${key} is ${JSON.stringify(value)}; expected one of ${rule.choices.join(', ')}${several}` }
}

export function minInsyncReplicas(config: Readonly<Record<string, string>>): number {
  return Number(config['min.insync.replicas'] ?? 1)
}

export function uncleanElectionAllowed(config: Readonly<Record<string, string>>): boolean {
  return config['unclean.leader.election.enable'] === 'true'
}
