import { join } from 'node:path'
import { FatalError } from '../base/errors.ts'
import type { Disk } from '../io/disk.ts'
import { LockFile } from '../log/lock-file.ts'
import type { Log } from '../log/log.ts'
import { SegmentedLog } from '../log/segmented-log.ts'
import type { Identity } from './identity.ts'
import { logStore } from './log-store.ts'

export type StoppedNode = { readonly identity: Identity; readonly log: Log }

/** Where it is: its data directory, and its log as the option `log.store` says. */
export type Place = { readonly folder: string; readonly logStore: string }

/** Opens what a stopped metadata node left on disk, for `work`. The node must not run: the log has one user. */
export async function withStoppedNode<T>(
  disk: Disk,
  { folder, logStore: store }: Place,
  work: (node: StoppedNode) => Promise<T>,
): Promise<T> {
  const path = join(folder, 'identity.json')
  if (!disk.exists(path))
    throw new FatalError(`${folder}: is not the data directory of a metadata node (no identity.json)`)
  const identity = JSON.parse(disk.readFile(path).toString()) as Identity
  if (identity.kind !== 'metadata')
    throw new FatalError(`${folder}: is the data directory of ${identity.kind} node ${identity.nodeId}`)
  const lock = LockFile.acquire(disk, folder)
  try {
    const { nodeId, directoryUuid } = identity
    const owner = `metadata-${nodeId} ${directoryUuid}`
    const openLog = logStore(store, folder, directoryUuid)
    const log = await (openLog?.() ?? SegmentedLog.open({ disk, folder: join(folder, 'raft'), owner }))
    try {
      return await work({ identity, log })
    } finally {
      await log.close()
    }
  } finally {
    lock.release()
  }
}
