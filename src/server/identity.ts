import { join } from 'node:path'
import { FatalError, messageOf } from '../base/errors.ts'
import type { Disk } from '../io/disk.ts'
import type { Random } from '../io/random.ts'

/** Whose data directory this is. The UUID is made once; a wiped directory gets another, and is somebody else. */
export type Identity = {
  readonly kind: 'metadata' | 'storage'
  readonly nodeId: number
  readonly directoryUuid: string
}

export function openIdentity(
  disk: Disk,
  random: Random,
  folder: string,
  kind: Identity['kind'],
  nodeId: number,
): Identity {
  const path = join(folder, 'identity.json')
  disk.makeFolder(folder)
  if (!disk.exists(path)) {
    const identity: Identity = { kind, nodeId, directoryUuid: random.uuid() }
    disk.replaceFile(path, Buffer.from(`${JSON.stringify(identity)}\n`))
    return identity
  }
  const identity = readIdentity(disk, path)
  if (identity.kind === kind && identity.nodeId === nodeId) return identity
  throw new FatalError(
    `${folder}: is the data directory of ${identity.kind} node ${identity.nodeId}, this is ${kind} node ${nodeId}. ` +
      'Give each node its own with --data-dir.',
  )
}

function readIdentity(disk: Disk, path: string): Identity {
  try {
    return JSON.parse(disk.readFile(path).toString()) as Identity
  } catch (error) {
    throw new FatalError(
      `${path}: is not readable (${messageOf(error)}). Restore it from a copy of the disk; do not make a new one.`,
    )
  }
}
