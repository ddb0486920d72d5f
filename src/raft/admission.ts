import type { Core } from './core.ts'
import { refuseWiped } from './founding.ts'
import type { Refusal } from './io.ts'
import type { Envelope } from './message.ts'
import { uuidOf } from './voters.ts'

/**
 * The one gate that every message passes before any rule sees it: same cluster, a recorded sender on its recorded disk,
 * and addressed to this very disk. Returns false for what stays outside; the core has noted why.
 */
export function admit(core: Core, envelope: Envelope): boolean {
  const { message, from, clusterId, toUuid } = envelope
  if (from === core.options.id || envelope.to !== core.options.id) {
    return refuse(
      core,
      envelope,
      'unknownVoter',
      `it is from node ${from} to node ${envelope.to}, this is ${core.options.id}`,
    )
  }
  if (message.type === 'foundingProbe' || message.type === 'foundingAnswer') return true
  if (clusterId === null) return refuse(core, envelope, 'foreignCluster', 'it belongs to no cluster yet')
  if (core.clusterId === null) return admitToEmpty(core, envelope, clusterId)
  if (clusterId !== core.clusterId) {
    const text = `it belongs to cluster ${clusterId}, this node to ${core.clusterId}`
    return refuse(core, envelope, 'foreignCluster', text)
  }
  if (toUuid !== null && toUuid !== core.options.uuid) {
    refuseWiped(core, envelope, toUuid)
    return false
  }
  return core.configuration === null || admitSender(core, envelope)
}

/** An empty node joins only the cluster that recorded its very disk. */
function admitToEmpty(core: Core, envelope: Envelope, clusterId: string): boolean {
  const { toUuid } = envelope
  if (toUuid === core.options.uuid) {
    core.adoptCluster(clusterId)
    return true
  }
  if (toUuid === null)
    return refuse(core, envelope, 'unknownVoter', 'this node is empty and not addressed by its UUID')
  refuseWiped(core, envelope, toUuid)
  return false
}

function admitSender(core: Core, envelope: Envelope): boolean {
  const recorded = uuidOf(core.configuration, envelope.from)
  if (recorded === null) {
    return refuse(core, envelope, 'unknownVoter', `node ${envelope.from} is not a voter of this cluster`)
  }
  if (recorded === envelope.fromUuid) return true
  const text = `node ${envelope.from} sends from data directory ${envelope.fromUuid}, recorded is ${recorded}`
  return refuse(core, envelope, 'wipedSender', text)
}

function refuse(core: Core, { from, via }: Envelope, reason: Refusal['reason'], text: string): false {
  core.refuse({ from, reason, text, ...(via === undefined ? {} : { via }) })
  return false
}
