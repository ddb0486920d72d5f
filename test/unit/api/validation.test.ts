import assert from 'node:assert/strict'
import { test } from 'node:test'
import { detailsOf, faultOf, validatorFor } from '../../../src/api/validation.ts'

function fault(schema: object, data: unknown): string {
  const verdict = validatorFor(schema, 'body')(data)
  assert(verdict !== true, 'it is not valid')
  const told = faultOf(verdict.error, 'body')
  assert.equal(`body a: ${detailsOf(verdict.error)?.expected}`, told)
  return told
}

const of = (a: object) => ({ type: 'object', properties: { a } })

test('of a value that must be one of a few, all are told', () => {
  assert.equal(fault(of({ enum: ['x', 7, null] }), { a: 'y' }), 'body a: must be one of "x", 7, null')
  assert.equal(fault(of({ const: 'x' }), { a: 'y' }), 'body a: must be "x"')
  const union = { anyOf: [{ const: 'LEARNER' }, { const: 'VOTER' }] }
  assert.equal(fault(of(union), { a: 'y' }), 'body a: must be one of "LEARNER", "VOTER"')
})

test('what is wrong in another way is told as it is', () => {
  assert.equal(fault(of({ type: 'integer', minimum: 3 }), { a: 2 }), 'body a: must be >= 3')
  assert.equal(
    fault(of({ anyOf: [{ type: 'integer' }, { type: 'null' }] }), { a: 'x' }),
    'body a: must be integer',
  )
})
