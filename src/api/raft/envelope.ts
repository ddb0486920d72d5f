import { DmqError } from '../../base/errors.ts'
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
  const { clusterId, voters, learners } = consensus.status()
  const uuid = voters.find(voter => voter.id === nodeId)?.uuid
  // On a stream this is a peer's word that our disk is the wrong one, and ends the process. Here it may be a slip.
  if (body.voterUuid !== undefined && body.voterUuid !== uuid) {
    const text = `voterUuid ${body.voterUuid} was given, the log of node ${nodeId} records ${uuid ?? 'none yet'} for it`
    throw new DmqError('VOTER_MISMATCH', `the message is refused: ${text}`)
  }
  const sender = [...voters, ...learners].find(member => member.id === from)
  if (body.clusterId !== undefined && body.clusterId !== clusterId) {
    const text = `it belongs to cluster ${body.clusterId}, this node to ${clusterId ?? 'none yet'}`
    throw new DmqError('CLUSTER_ID_MISMATCH', `the message is refused: ${text}`)
  }
  if (sender === undefined)
    throw new DmqError(
      'VOTER_MISMATCH',
      `the message is refused: node ${from} is not a member of this cluster`,
    )
  return {
    from,
    to: nodeId,
    clusterId,
    recoveryEpoch: null,
    fromUuid: sender.uuid,
    toUuid: body.voterUuid ?? null,
    message,
  }
}
