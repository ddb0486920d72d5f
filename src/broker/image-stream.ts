import { PieceReader } from '../base/piece-stream.ts'
import type { Image } from '../metadata/image.ts'
import { SnapshotReader } from '../metadata/snapshot.ts'
import type { ImageHead } from './metadata-copy.ts'

/**
 * Reads a whole image from the bytes of one, piece by piece; `pause` is awaited after each, so that everything else goes
 * on. Throws on bytes that are cut off, damaged, or do not come to the state hash that they claim.
 */
export async function readImageStream(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  pause: () => Promise<void>,
): Promise<{ head: ImageHead; image: Image }> {
  const reader = new PieceReader()
  const snapshot = new SnapshotReader()
  let head: ImageHead | null = null
  for await (const chunk of chunks) {
    for (const part of reader.take(chunk)) {
      if (part.kind === 'head') head = headOf(part.head)
      if (part.kind !== 'piece') continue
      snapshot.take(part.piece)
      await pause()
    }
  }
  reader.finish()
  return { head: head!, image: snapshot.finish().image }
}

function headOf(given: unknown): ImageHead {
  const { clusterId, recoveryEpoch, version, stateHash } = given as Partial<ImageHead>
  if (clusterId === null) throw new Error('it belongs to no cluster yet')
  if (
    typeof clusterId !== 'string' ||
    typeof recoveryEpoch !== 'number' ||
    typeof version !== 'number' ||
    typeof stateHash !== 'string'
  )
    throw new Error('its head is not that of metadata')
  return { clusterId, recoveryEpoch, version, stateHash }
}
