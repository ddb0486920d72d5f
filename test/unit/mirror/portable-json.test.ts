import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { portableJson } from '../../../src/mirror/portable-json.ts'

test('only NUL and halves of surrogate pairs are replaced, whatever stands before them', () => {
  const pieces = [
    '\u0000',
    '\ud800',
    '\udc00',
    '\\',
    '\\u0000',
    'u0000',
    '"',
    'a',
    '\u{1f600}',
    '\n',
    '\\ud800',
    'd',
  ]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), parts => {
      const text = parts.join('')
      const kept = text.toWellFormed().replaceAll('\u0000', '\ufffd')
      assert.deepEqual(JSON.parse(portableJson({ [`key ${text}`]: text })), { [`key ${kept}`]: kept })
    }),
    { numRuns: 2_000 },
  )
})
