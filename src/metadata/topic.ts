export type Topic = {
  readonly name: string
  readonly id: string
  /** Only what was set; defaults are in `topic-config.ts`. */
  readonly config: Readonly<Record<string, string>>
  readonly replicationFactor: number
  readonly createdAt: number
  readonly modifiedAt: number
  /** Partition i lies in row `rows[i]` of the partition table. */
  readonly rows: readonly number[]
}

/** Two names that differ only in these two are refused: metric names of many systems cannot tell them apart. */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_')
}

/** Null if the name is legal, else what is wrong with it. */
export function topicNameFault(name: string): string | null {
  const rule =
    'a topic name has 1 to 249 characters of a-z, A-Z, 0-9, ".", "_" and "-", and is not "." or ".."'
  const legal = /^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..'
  return legal ? null : `topic name ${JSON.stringify(name.slice(0, 300))} is not legal: ${rule}`
}
