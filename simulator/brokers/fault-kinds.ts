/** The troubles of storage nodes. */
export const BROKER_FAULT_KINDS = [
  'kill',
  'flicker',
  'powerFailure',
  'rackOutage',
  'pause',
  'cleanStop',
  'stopTwice',
  'lostDisk',
  'cutFromController',
  'cutFromMetadata',
  'cutFromBrokers',
  'cutOneWay',
  'slow',
  'controllerToo',
  'strandProposer',
  'overtakeProposal',
  'strikeMove',
] as const

export type BrokerFaultKind = (typeof BROKER_FAULT_KINDS)[number]
