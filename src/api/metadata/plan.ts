import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { type DecommissionDraft, decommissionDraft } from '../../controller/plan/decommission.ts'
import { planOf } from '../../controller/plan/plan.ts'
import { commandsFor, notesOn, notesOnMoves, type Planned } from '../../controller/plan/planned.ts'
import type { Rejection } from '../../metadata/decision.ts'
import { PlanBody, PlanSchema } from '../../protocol/rest/history-schemas.ts'
import { WriteQuery } from '../../protocol/rest/schemas.ts'
import type { Context } from '../context.ts'
import { errorOf } from '../problem.ts'
import { topicRequest } from './create-topic.ts'

export function plan(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'What would happen if a broker or a rack were lost, or an operator did this. Nothing is done.',
    description:
      'What reassign and decommission come to is shown as it is when all the moves that they begin are done. ' +
      'lose-broker, drain, decommission and remove-broker take brokerId (remove-broker: force too), lose-rack takes rack, reassign takes ' +
      'reassignments, create-topic takes topic. The controller answers: only it places replicas.',
    body: PlanBody,
    querystring: WriteQuery,
    response: { 200: PlanSchema },
  }
  app.post<{ Body: PlanBody; Querystring: WriteQuery }>('/plan', { schema }, async ({ body }) => {
    if (body.action === 'decommission') return decommission(context, needed(body, 'brokerId').brokerId)
    const planned = plannedOf({ ...body, action: body.action })
    const { topics } = context.controller.reign
    let notes: string[] = []
    const { version, outcome, refused, unfinished } = await planOf(context, image => {
      notes = notesOn(image, planned)
      return commandsFor(image, planned, topic => topics.commandFor(topic))
    })
    assertSomethingLeft(planned, refused)
    notes.push(...notesOnMoves(unfinished))
    return { action: planned.action, version, ...outcome, refused: refused.map(errorOf), notes }
  })
}

/** When each of the moves would be refused, the plan is that refusal. */
function assertSomethingLeft(planned: Planned, refused: readonly Rejection[]): void {
  const [first] = refused
  if (planned.action !== 'reassign' || first === undefined || refused.length < planned.changes.length) return
  throw new DmqError(first.rejected, refused.map(({ message }) => message).join(' '), first.details)
}

/** Where its replicas would go is a decision of its own, which the commands carry. */
async function decommission(context: Context, brokerId: number) {
  const { resourcesOf } = context.controller
  let draft: DecommissionDraft | null = null
  const { version, outcome, refused, unfinished } = await planOf(context, image => {
    draft = decommissionDraft(image, brokerId, resourcesOf)
    return draft.commands
  })
  const { moves, stays, underWay } = draft! as DecommissionDraft
  const details = { moves, stays, underWay }
  const notes = notesOnMoves(unfinished)
  return { action: 'decommission', version, ...outcome, refused: refused.map(errorOf), notes, ...details }
}

type OfCommands = PlanBody & { readonly action: Exclude<PlanBody['action'], 'decommission'> }

function plannedOf(body: OfCommands): Planned {
  const { action } = body
  switch (action) {
    case 'lose-broker':
    case 'drain':
      return { action, ...needed(body, 'brokerId') }
    case 'remove-broker':
      return { action, force: body.force === true, ...needed(body, 'brokerId', ['force']) }
    case 'lose-rack':
      return { action, ...needed(body, 'rack') }
    case 'reassign':
      return { action, changes: needed(body, 'reassignments').reassignments }
    case 'create-topic':
      return { action, topic: topicRequest(needed(body, 'topic').topic) }
  }
}

/** The one field that the action is about. Any other is a mistake, and is told. */
function needed<K extends keyof PlanBody>(
  body: PlanBody,
  name: K,
  optional: readonly (keyof PlanBody)[] = [],
): { [P in K]: NonNullable<PlanBody[P]> } {
  const value = body[name]
  if (value === undefined)
    throw new DmqError('INVALID_REQUEST', `body: ${body.action} needs the field "${name}"`)
  const known = ['action', name, ...optional]
  const other = Object.keys(body).find(key => !known.includes(key))
  if (other !== undefined)
    throw new DmqError('INVALID_REQUEST', `body: ${body.action} has no field "${other}", only "${name}"`)
  return { [name]: value } as { [P in K]: NonNullable<PlanBody[P]> }
}
