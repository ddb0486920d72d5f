import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/**
 * The secret that all nodes of a cluster share. It is never sent: who has it proves it with a keyed hash over something
 * that cannot be reused elsewhere.
 */
export class ClusterKey {
  readonly #secret: string

  constructor(secret: string) {
    this.#secret = secret
  }

  prove(...parts: readonly (string | Uint8Array)[]): string {
    const hmac = createHmac('sha256', this.#secret)
    for (const part of parts) {
      const bytes = typeof part === 'string' ? Buffer.from(part) : part
      hmac.update(`${bytes.length}:`).update(bytes)
    }
    return hmac.digest('base64url')
  }

  verify(proof: string, ...parts: readonly (string | Uint8Array)[]): boolean {
    const expected = Buffer.from(this.prove(...parts))
    const given = Buffer.from(proof)
    return given.length === expected.length && timingSafeEqual(given, expected)
  }

  static nonce(): string {
    return randomBytes(18).toString('base64url')
  }
}

const SCHEME = 'DMQ-Cluster'
/** How far the clocks of two nodes may differ for a single request. Streams need no clock. */
const WINDOW_MS = 5 * 60_000

type Request = { readonly method: string; readonly path: string; readonly body: string | Uint8Array }

/** The `Authorization` header of one request: `DMQ-Cluster <epoch ms>.<keyed hash of time, method, path and body>`. */
export function authorize(key: ClusterKey, now: number, { method, path, body }: Request): string {
  const time = String(now)
  return `${SCHEME} ${time}.${key.prove('request', time, method, path, body)}`
}

export function isAuthorized(
  key: ClusterKey,
  now: number,
  header: string | undefined,
  request: Request,
): boolean {
  return proofFault(key, now, header, request) === null
}

export type ProofFault = 'missing' | 'of another time' | 'wrong'

/** What is the matter with the `Authorization` header of a request; null: it proves the key. */
export function proofFault(
  key: ClusterKey,
  now: number,
  header: string | undefined,
  { method, path, body }: Request,
): ProofFault | null {
  if (header === undefined) return 'missing'
  const match = /^DMQ-Cluster (\d{1,16})\.([\w-]+)$/.exec(header)
  if (match === null) return 'wrong'
  const isOurs = key.verify(match[2]!, 'request', match[1]!, method, path, body)
  if (!isOurs) return 'wrong'
  return Math.abs(now - Number(match[1])) > WINDOW_MS ? 'of another time' : null
}
