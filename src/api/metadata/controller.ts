import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { ControllerSchema } from '../../protocol/rest/schemas.ts'
import type { Context } from '../context.ts'

export function controller(app: FastifyInstance, { nodeId, consensus, urlOf }: Context): void {
  const schema = {
    summary: 'Who is the controller; and what the node asked is.',
    response: { 200: ControllerSchema },
  }
  app.get('/controller', { schema }, () => {
    const { leader, term, role } = consensus.leadership
    if (leader === null)
      throw new DmqError('NO_CONTROLLER', `no controller is known in term ${term}; an election is under way`)
    // It follows like the others, and has no vote.
    const isLearner = role !== 'LEADER' && consensus.configuration?.learners.some(({ id }) => id === nodeId)
    return {
      controllerId: leader,
      url: urlOf(leader) ?? '',
      term,
      state: 'LEADER',
      nodeId,
      nodeState: isLearner ? 'LEARNER' : role,
    }
  })
}
