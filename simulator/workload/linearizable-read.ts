import type { Image } from '../../src/metadata/image.ts'
import type { MetadataProcess } from '../cluster/metadata-process.ts'

/** Waits until the node shows every write that was acknowledged before, and reads. */
export async function readLinearizably<T>(
  { node }: MetadataProcess,
  timeoutMs: number,
  read: (image: Image) => T,
): Promise<T> {
  await node!.consensus.readIndex(timeoutMs)
  return read(node!.replica.image)
}
