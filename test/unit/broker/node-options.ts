import type { StorageNodeOptions } from '../../../src/broker/broker.ts'

/** Storage node 101 in its first process, on an empty disk. */
export const NODE_OPTIONS: StorageNodeOptions = {
  brokerId: 101,
  host: 'localhost',
  port: 8081,
  rack: null,
  incarnationId: 'one',
  previousBrokerEpoch: null,
  pairedMetadataServiceId: null,
  heartbeatIntervalMs: 1_000,
  folder: '/data',
}
