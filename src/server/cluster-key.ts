import { existsSync, readFileSync } from 'node:fs'
import { counted } from '../base/counted.ts'
import { FatalError, messageOf } from '../base/errors.ts'
import { ClusterKey } from '../io/cluster-key.ts'

const CHARACTERS_MIN = 16

/** Where `dmq up` leaves the key of the cluster it runs. */
export const LOCAL_KEY_FILE = '.dmq/cluster.key'

/** The key of the cluster, given as a file or as it is. Null: neither is given. */
export function readClusterKey(file: string | null, secret: string | null): ClusterKey | null {
  if (secret !== null) return checked(secret, 'the cluster key')
  if (file === null) return existsSync(LOCAL_KEY_FILE) ? readClusterKey(LOCAL_KEY_FILE, null) : null
  let content: string
  try {
    content = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new FatalError(`cluster key: ${messageOf(error)}`)
  }
  return checked(content, `the cluster key in ${file}`)
}

export function requireClusterKey(file: string | null, secret: string | null): ClusterKey {
  const key = readClusterKey(file, secret)
  if (key !== null) return key
  throw new FatalError(
    'no cluster key: the nodes of a cluster prove to each other that they belong to it. Make one ' +
      '(openssl rand -hex 32 > cluster.key) and give it to every node with --cluster-key-file or CLUSTER_KEY.',
  )
}

/** Where the key of this node is from, for people: never the key itself. */
export function keySource(file: string | null, secret: string | null): string {
  return secret !== null ? 'CLUSTER_KEY or --cluster-key' : `the file ${file ?? LOCAL_KEY_FILE}`
}

function checked(secret: string, what: string): ClusterKey {
  if (secret.length >= CHARACTERS_MIN) return new ClusterKey(secret)
  throw new FatalError(
    `${what} has ${counted(secret.length, 'character')}; at least ${CHARACTERS_MIN} are needed`,
  )
}
