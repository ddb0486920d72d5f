import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { FatalError, lineOf } from '../base/errors.ts'
import { FEATURES } from '../metadata/features.ts'

const require = createRequire(import.meta.url)

/** One option: where it can come from, what it may be, and what it is for. Everything else is derived from this. */
export type OptionSpec = {
  /** The key in a YAML file. */
  readonly key: string
  readonly flag: string
  readonly env: string
  readonly type: 'integer' | 'text' | { readonly oneOf: readonly string[] }
  readonly min?: number
  readonly max?: number
  readonly default?: string | number
  /** Never shown, not even where it is wrong. */
  readonly secret?: true
  readonly purpose: string
}

function spec<const Type extends OptionSpec['type']>(
  key: string,
  flag: string,
  type: Type,
  purpose: string,
  rest: Partial<OptionSpec> = {},
): OptionSpec & { type: Type } {
  return { key, flag, env: key.toUpperCase().replaceAll(/[.-]/g, '_'), purpose, ...rest, type }
}

const LEVELS = FEATURES['metadata.version']
const MS = { min: 1, max: 3_600_000 }

/** Every option of `dmq metadata` and `dmq storage`: from flags, then environment, then a YAML file, then the default. */
export const OPTIONS = {
  services: spec('services', 'services', 'text', 'the file that names the nodes of the cluster', {
    env: 'DMQ_SERVICES',
  }),
  nodeId: spec('kraft.node-id', 'node-id', 'integer', 'which of the nodes in services.json this process is', {
    min: 0,
    max: 2 ** 31 - 1,
  }),
  host: spec(
    'server.host',
    'host',
    'text',
    'address to listen on (default: the host that services.json gives)',
  ),
  port: spec(
    'server.port',
    'port',
    'integer',
    'port to listen on (default: the port that services.json gives)',
    { min: 1, max: 65_535 },
  ),
  dataDir: spec(
    'data.dir',
    'data-dir',
    'text',
    'folder for the data of this node (default: .dmq/<kind>-<id>)',
  ),
  clusterKeyFile: spec(
    'cluster.key-file',
    'cluster-key-file',
    'text',
    'file with the secret that all nodes of the cluster share',
  ),
  clusterKey: spec(
    'cluster.key',
    'cluster-key',
    'text',
    'the secret itself; better given by environment or file than as a flag',
    { secret: true },
  ),
  clusterSize: spec(
    'kraft.cluster-size',
    'cluster-size',
    'integer',
    'number of metadata nodes; checked against services.json',
    { min: 1, max: 99 },
  ),
  logStore: spec(
    'log.store',
    'log-store',
    'text',
    'where a metadata node keeps its Raft log: segments, sqlite:PATH (from the data directory), or postgres://user:password@host/database',
    { default: 'segments' },
  ),
  mirror: spec(
    'mirror',
    'mirror',
    'text',
    'where the controller mirrors the metadata for SQL: sqlite:PATH or postgres://user:password@host/database (default: nowhere)',
    { env: 'DMQ_MIRROR' },
  ),
  datasourceUrl: spec(
    'spring.datasource.url',
    'datasource-url',
    'text',
    'the same as JDBC writes it (jdbc:postgresql://… or jdbc:sqlite:PATH); the mirror option goes first',
  ),
  datasourceUsername: spec(
    'spring.datasource.username',
    'datasource-username',
    'text',
    'user of the database of the mirror, where its URL names none',
  ),
  datasourcePassword: spec(
    'spring.datasource.password',
    'datasource-password',
    'text',
    'password of that user; better given by environment or file than as a flag',
    { secret: true },
  ),
  mirrorHistoryDays: spec(
    'mirror.history-days',
    'mirror-history-days',
    'integer',
    'rows of the history table of the mirror that are older are deleted; 0: never',
    { min: 0, max: 36_500, default: 90 },
  ),
  freeBytesMin: spec(
    'log.min-free-bytes',
    'min-free-bytes',
    'integer',
    'a metadata node refuses writes while less is free on the disk of its data directory',
    { min: 0, max: 2 ** 50, default: 128 * 1024 * 1024 },
  ),
  snapshotBytes: spec(
    'kraft.snapshot-bytes',
    'snapshot-bytes',
    'integer',
    'a metadata snapshot is due after so many bytes of log, or a quarter of the last snapshot if that is more',
    { min: 4_096, max: 2 ** 40, default: 16 * 1024 * 1024 },
  ),
  firstMetadataVersion: spec(
    'metadata.first-version',
    'first-metadata-version',
    'integer',
    'level of metadata.version that a new cluster begins with; a lower one if nodes of an earlier release are to join',
    { ...LEVELS, default: LEVELS.max },
  ),
  changeRingBytes: spec(
    'metadata.change-ring-bytes',
    'change-ring-bytes',
    'integer',
    'so much of the newest changes a metadata node keeps for nodes that were away; who missed more reads the whole metadata',
    { min: 1_024, max: 2 ** 32, default: 16 * 1024 * 1024 },
  ),
  electionTimeoutMs: spec(
    'kraft.raft.election-timeout-ms',
    'election-timeout-ms',
    'integer',
    'silence of the controller after which an election begins',
    { ...MS, min: 50, default: 750 },
  ),
  electionJitterMs: spec(
    'kraft.raft.election-timeout-jitter-ms',
    'election-timeout-jitter-ms',
    'integer',
    'random part added to each election timeout',
    { ...MS, default: 400 },
  ),
  raftHeartbeatMs: spec(
    'kraft.raft.heartbeat-interval-ms',
    'raft-heartbeat-interval-ms',
    'integer',
    'pause between heartbeats of the controller to the other metadata nodes',
    { ...MS, default: 100 },
  ),
  sessionTimeoutMs: spec(
    'broker.session-timeout-ms',
    'session-timeout-ms',
    'integer',
    'silence of a storage node after which it is OFFLINE',
    { ...MS, min: 200, default: 6_000 },
  ),
  heartbeatMs: spec(
    'broker.heartbeat-interval-ms',
    'heartbeat-interval-ms',
    'integer',
    'pause between heartbeats of a storage node',
    { ...MS, min: 20, default: 1_000 },
  ),
  pairTimeoutMs: spec(
    'storage.pair-timeout-ms',
    'pair-timeout-ms',
    'integer',
    'a storage node whose paired metadata node fails for so long takes another one, until that one is back',
    { ...MS, min: 200, default: 60_000 },
  ),
  leaderBalanceDelayMs: spec(
    'leader.balance-delay-ms',
    'leader-balance-delay-ms',
    'integer',
    'how long a storage node is ONLINE before the leaderships it is preferred for go back to it; 0: never by themselves',
    { min: 0, max: 86_400_000, default: 10_000 },
  ),
  recoveryDelayMs: spec(
    'replica.recovery-delay-ms',
    'replica-recovery-delay-ms',
    'integer',
    'a storage node that is OFFLINE for longer has its replicas rebuilt on others; 0: never',
    { min: 0, max: 31_536_000_000, default: 600_000 },
  ),
  movesMax: spec(
    'reassignment.max-moves',
    'reassignment-max-moves',
    'integer',
    'at most so many partitions are moved at the same time, while no operator says otherwise (dmq reassign throttle)',
    { min: 1, max: 10_000, default: 50 },
  ),
  logLevel: spec(
    'log.level',
    'log-level',
    { oneOf: ['debug', 'info', 'warn', 'error'] },
    'the least important events that are logged',
    { default: 'info' },
  ),
  logFormat: spec(
    'log.format',
    'log-format',
    { oneOf: ['auto', 'story', 'json'] },
    'lines for people, or JSON (auto: for people in a terminal)',
    { default: 'auto' },
  ),
} as const satisfies Record<string, OptionSpec>

export type OptionName = keyof typeof OPTIONS
export type Options = {
  readonly [Name in OptionName]: (typeof OPTIONS)[Name]['type'] extends 'integer'
    ? number | null
    : string | null
}

export type OptionSources = {
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly env: Readonly<Record<string, string | undefined>>
  /** A YAML file; null: none. */
  readonly file: string | null
}

type Given = { readonly value: unknown; readonly from: string }

/** All options, checked. Warnings name keys of a YAML file that have no effect here. */
export function readOptions({ flags, env, file }: OptionSources): { options: Options; warnings: string[] } {
  const yaml = file === null ? new Map<string, unknown>() : flatten(readYaml(file))
  const warnings = unknownKeys(yaml, file)
  const options = Object.fromEntries(
    Object.entries(OPTIONS as Record<string, OptionSpec>).map(([name, option]) => [
      name,
      check(option, find(option, flags, env, yaml, file)),
    ]),
  )
  const isGiven = (option: OptionSpec): boolean =>
    find(withoutDefault(option), flags, env, yaml, file) !== null
  checkHeartbeats(options as unknown as Options, isGiven)
  return { options: options as unknown as Options, warnings }
}

function withoutDefault({ default: _, ...option }: OptionSpec): OptionSpec {
  return option
}

/**
 * A broker whose pauses are as long as its session goes away and comes back for ever. Only what is given is compared: the
 * session timeout is the metadata nodes' own, and where it is not given here it may be another one there.
 */
function checkHeartbeats(
  { heartbeatMs, sessionTimeoutMs }: Options,
  isGiven: (option: OptionSpec) => boolean,
): void {
  const { heartbeatMs: pause, sessionTimeoutMs: silence } = OPTIONS
  if (!isGiven(pause) || !isGiven(silence) || heartbeatMs! < sessionTimeoutMs!) return
  throw new FatalError(
    `${pause.key} is ${heartbeatMs} ms and ${silence.key} ${sessionTimeoutMs} ms: the pause between heartbeats must be smaller, best a fifth of it (--${pause.flag}, --${silence.flag})`,
  )
}

function find(
  { flag, env: variable, key, default: otherwise }: OptionSpec,
  flags: OptionSources['flags'],
  env: OptionSources['env'],
  yaml: ReadonlyMap<string, unknown>,
  file: string | null,
): Given | null {
  if (flags[flag] !== undefined) return { value: flags[flag], from: `--${flag}` }
  if (env[variable] !== undefined && env[variable] !== '')
    return { value: env[variable], from: `environment variable ${variable}` }
  if (yaml.has(key)) return { value: yaml.get(key), from: `${file}: ${key}` }
  return otherwise === undefined ? null : { value: otherwise, from: 'the default' }
}

function check(
  { type, min = 0, max = Number.MAX_SAFE_INTEGER, secret }: OptionSpec,
  given: Given | null,
): string | number | null {
  if (given === null) return null
  const { value, from } = given
  const wrong = (expected: string) =>
    new FatalError(
      `${from}: expected ${expected}, got ${secret ? `a ${typeof value}; quote it` : JSON.stringify(value)}`,
    )
  if (type === 'integer') {
    const number = typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : value
    if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max)
      return number
    throw wrong(`a whole number from ${min} to ${max}`)
  }
  if (typeof value !== 'string' || value === '') throw wrong('a text')
  if (type === 'text' || type.oneOf.includes(value)) return value
  throw wrong(`one of ${type.oneOf.join(', ')}`)
}

/** What reads YAML is loaded for a file alone: few starts have one, and it would take each of them 20 ms. */
function readYaml(file: string): unknown {
  const { parse } = require('yaml') as typeof import('yaml')
  let value: unknown
  try {
    value = parse(readFileSync(file, 'utf8')) ?? {}
  } catch (error) {
    throw new FatalError(`${file}: cannot be read as YAML (${lineOf(error)})`)
  }
  if (typeof value === 'object' && !Array.isArray(value)) return value
  throw new FatalError(`${file}: expected keys with values, got ${JSON.stringify(value)}`)
}

/** `{a: {b: 1}}` as `a.b = 1`. An alias can make a value contain itself: there it ends. */
function flatten(value: unknown, outer: readonly unknown[] = [], prefix = ''): Map<string, unknown> {
  const within = [...outer, value]
  const flat = new Map<string, unknown>()
  for (const [key, inner] of Object.entries(value as object)) {
    const nested =
      inner !== null && typeof inner === 'object' && !Array.isArray(inner) && !within.includes(inner)
    if (!nested) flat.set(prefix + key, inner)
    else for (const [path, leaf] of flatten(inner, within, `${prefix}${key}.`)) flat.set(path, leaf)
  }
  return flat
}

/** A key that nobody reads is a mistake; `spring.*` keys come with files of other systems and are only named. */
function unknownKeys(yaml: ReadonlyMap<string, unknown>, file: string | null): string[] {
  const known = Object.values(OPTIONS).map(option => option.key as string)
  const unknown = [...yaml.keys()].filter(key => !known.includes(key))
  const mistake = unknown.find(key => !key.startsWith('spring.'))
  if (mistake !== undefined)
    throw new FatalError(`${file}: unknown key ${mistake}; known are ${known.join(', ')}`)
  return unknown.map(key => `${file}: ${key} has no effect in this release`)
}
