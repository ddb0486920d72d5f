import type { Envelope, Message } from '../../raft/message.ts'
import type { Context } from '../context.ts'

/**
 * A message that came as JSON. Who sends it proved the cluster key; what it leaves out (cluster, data directories) is
 * taken to be what this node's log records.
 */
export function envelopeOf(
  { nodeId, consensus }: Context,
  from: number,
  body: { clusterId?: string; voterUuid?: string },
  message: Message,
): Envelope {
  const { clusterId, voters } = consensus.status()
  return {
    from,
    to: nodeId,
    clusterId: body.clusterId ?? clusterId,
    fromUuid: voters.find(voter => voter.id === from)?.uuid ?? '',
    toUuid: body.voterUuid ?? null,
    message,
  }
}
