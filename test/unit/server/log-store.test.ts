import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logStore } from '../../../src/server/log-store.ts'

test('a log store with a mistyped scheme is refused, and its password is not told', () => {
  assert.throws(
    () => logStore('postgers://dmq:secret@host/database', '/data', 'uuid'),
    (error: Error) => /begins with "postgers"/.test(error.message) && !/secret/.test(error.message),
  )
})
