import { createHash } from 'node:crypto'

/** A short name for a text: two texts with the same one are the same, for all that chance can do. */
export function fingerprint(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22)
}
