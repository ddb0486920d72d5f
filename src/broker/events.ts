/** What a storage node tells its log; `server/` gives each a line. */
export type BrokerEvents = {
  controllerFound(event: { controllerId: number; url: string; term: number }): void
  controllerLost(event: { url: string; reason: string }): void
  registered(event: { brokerId: number; brokerEpoch: number }): void
  registrationRefused(event: { code: string; message: string }): void
  /** The node works by REST instead. */
  sessionRefused(event: { url: string; reason: string }): void
  /** The controller has another cluster key. `takesPart`: it had this one before, and the node goes on by REST. */
  keyOther(event: { url: string; takesPart: boolean }): void
  keySame(event: { url: string }): void
  status(event: { brokerId: number; status: string }): void
  paired(event: { metadataServiceId: number; before: number | null }): void
  metadata(event: { version: number; by: 'push' | 'pull' | 'snapshot' | 'disk' }): void
  metadataRefused(event: { reason: string }): void
  /** What this node has at its version is not what the cluster has there. */
  diverged(event: { version: number }): void
  copyDamaged(event: { reason: string }): void
  copyNotSaved(event: { reason: string }): void
}
