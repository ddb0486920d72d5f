/** What a storage node tells its log; `server/` gives each a line. */
export type BrokerEvents = {
  controllerFound(event: { controllerId: number; url: string; term: number }): void
  controllerLost(event: { url: string; reason: string }): void
  registered(event: { brokerId: number; brokerEpoch: number }): void
  registrationRefused(event: { code: string; message: string }): void
  status(event: { brokerId: number; status: string }): void
  metadata(event: { version: number; by: 'push' | 'pull' | 'snapshot' }): void
  metadataRefused(event: { reason: string }): void
}
