import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodePieces, PieceReader } from '../../../src/base/piece-stream.ts'

const SEED = Number(process.env.SEED ?? 1)
const HEAD = { version: 7, name: 'a head' }
const PIECES = ['first', 'a second, longer one', 'x'].map(text => Buffer.from(text))

function encoded(head: object = HEAD, pieces: readonly Uint8Array[] = PIECES): Buffer {
  return Buffer.concat([...encodePieces(head, pieces)])
}

function read(chunks: readonly Uint8Array[]): { head: unknown; pieces: string[] } {
  const reader = new PieceReader()
  const found: { head: unknown; pieces: string[] } = { head: null, pieces: [] }
  for (const chunk of chunks) {
    for (const part of reader.take(chunk)) {
      if (part.kind === 'head') found.head = part.head
      if (part.kind === 'piece') found.pieces.push(part.piece.toString('hex'))
    }
  }
  reader.finish()
  return found
}

test('head and pieces come back, however the bytes are cut', () => {
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 10 })
  const cuts = fc.array(fc.nat({ max: 900 }), { maxLength: 20 })
  const property = fc.property(pieces, cuts, (sent, cuts) => {
    const bytes = encoded(HEAD, sent)
    const ends = [...new Set([0, ...cuts.filter(cut => cut < bytes.length), bytes.length])].sort(
      (a, b) => a - b,
    )
    const chunks = ends.slice(1).map((end, i) => bytes.subarray(ends[i], end))
    const expected = { head: HEAD, pieces: sent.map(piece => Buffer.from(piece).toString('hex')) }
    assert.deepEqual(read(chunks), expected)
  })
  fc.assert(property, { seed: SEED, numRuns: 500 })
})

test('no bit can be changed, no byte be missing, and none follow, without being noticed', () => {
  const bytes = encoded()
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    assert.throws(() => read([changed]), Error, `bit ${bit}`)
  }
  for (let length = 0; length < bytes.length; length++)
    assert.throws(() => read([bytes.subarray(0, length)]), /too early|checksum/, `${length} bytes`)
  assert.throws(() => read([bytes, Buffer.from([0])]), /something follows its end/)
})

test('pieces of two streams do not make one', () => {
  const [head, first, second, third, end] = [...encodePieces(HEAD, PIECES)] as Buffer[]
  const other = [...encodePieces({ version: 8 }, PIECES)]
  assert.throws(() => read([head!, second!, first!, third!, end!]), /checksum/)
  assert.throws(() => read([head!, first!, third!, end!]), /checksum/)
  assert.throws(() => read([other[0]!, first!, second!, third!, end!]), /checksum/)
})

test('who stops reading, be it after the head, gives up what the pieces are made of', () => {
  for (const taken of [1, 2, 4]) {
    let released = false
    const pieces = (function* () {
      try {
        yield* PIECES
      } finally {
        released = true
      }
    })()
    const stream = encodePieces(HEAD, pieces)
    for (let i = 0; i < taken; i++) stream.next()
    stream.return(undefined)
    assert.ok(released, `${taken} taken`)
  }
})
