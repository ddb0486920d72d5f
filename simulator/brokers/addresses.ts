/** Ids on the wire: metadata nodes have their own, storage nodes begin here. */
export const FIRST_BROKER = 101

const METADATA_PORT = 9091
export const STORAGE_PORT = 8081

export function hostOf(nodeId: number): string {
  return `10.0.0.${nodeId}`
}

export function metadataUrl(nodeId: number): string {
  return `http://${hostOf(nodeId)}:${METADATA_PORT}`
}

/** Of an address as above. */
export function nodeAt(url: string): { nodeId: number; path: string } {
  const { hostname, pathname, search } = new URL(url)
  return { nodeId: Number(hostname.split('.').at(-1)), path: `${pathname}${search}` }
}
