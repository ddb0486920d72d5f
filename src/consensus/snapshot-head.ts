import { messageOf } from '../base/errors.ts'
import { DamagedLog } from '../log/log.ts'
import type { StoredSnapshot } from '../log/snapshot-store.ts'
import type { EntryId } from '../raft/entry.ts'
import type { Snapshot } from '../raft/snapshot.ts'
import { type Configuration, decodeConfiguration, encodeConfiguration } from '../raft/voters.ts'

/** The head of a snapshot file: the last entry that it covers, and who votes there. */
export function encodeSnapshotHead({ index, term }: EntryId, configuration: Configuration): Buffer {
  const body = JSON.parse(Buffer.from(encodeConfiguration(configuration)).toString()) as object
  return Buffer.from(JSON.stringify({ index, term, configurationIndex: configuration.index, ...body }))
}

/** Throws {@link DamagedLog}. */
export function snapshotOf({ name, head }: Pick<StoredSnapshot, 'name' | 'head'>): Snapshot {
  try {
    const { index, term, configurationIndex } = JSON.parse(head.toString()) as Record<string, unknown>
    if (index !== name.index || term !== name.term)
      throw new Error(`it is one of entry ${index} of term ${term}`)
    if (!Number.isSafeInteger(configurationIndex)) throw new Error('its configuration has no index')
    const configuration = { ...decodeConfiguration(head), index: configurationIndex as number }
    return { id: name, configuration }
  } catch (error) {
    throw new DamagedLog(`the snapshot of entry ${name.index} of term ${name.term}: ${messageOf(error)}`)
  }
}
