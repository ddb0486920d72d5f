import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FatalError } from '../../../src/base/errors.ts'
import { isMirrorAddress, mirrorAddress } from '../../../src/mirror/address.ts'

const postgres = (given: string, username: string | null = null, password: string | null = null) => {
  const address = mirrorAddress(given, { username, password })
  assert.ok(address.kind === 'postgres')
  return address
}

test('SQLite is a path, also as JDBC writes it', () => {
  for (const given of ['sqlite:/var/lib/dmq/m.db', 'jdbc:sqlite:/var/lib/dmq/m.db'])
    assert.deepEqual(mirrorAddress(given), {
      kind: 'sqlite',
      path: '/var/lib/dmq/m.db',
      shown: 'sqlite:/var/lib/dmq/m.db',
    })
})

test('a user and a password are part of the URL, or given beside it; the URL goes first', () => {
  const credentials = (given: string) => {
    const { username, password } = postgres(given, 'beside', 'also beside')
    return [username, password]
  }
  assert.deepEqual(credentials('postgres://db:5433/dmq'), ['beside', 'also beside'])
  assert.deepEqual(credentials('postgres://me@db/dmq'), ['me', 'also beside'])
  assert.deepEqual(credentials('postgresql://me:s%40cret@db/dmq'), ['me', 's@cret'])
  assert.deepEqual(credentials('jdbc:postgresql://db/dmq?user=me&password=s%26t'), ['me', 's&t'])
  const bare = postgres('postgres://db/dmq')
  assert.deepEqual([bare.username, bare.password], [null, null])
})

test('of a JDBC URL, what is meant for the Java driver is left out', () => {
  const given =
    'jdbc:postgresql://db:5433/dmq?sslmode=require&currentSchema=ops&reWriteBatchedInserts=true&user=me&password=secret'
  const { url, shown } = postgres(given)
  assert.equal(url, 'postgres://db:5433/dmq?sslmode=require&search_path=ops')
  assert.equal(shown, 'postgres://db:5433/dmq')
  assert.equal(postgres('postgres://db/dmq?application_name=x').url, 'postgres://db/dmq?application_name=x')
})

test('no password is shown, whatever is wrong', () => {
  const secret = 'hunter2'
  for (const given of [
    `postgres://me:${secret}@db/dmq`,
    `jdbc:postgresql://db/dmq?user=me&password=${secret}`,
    `mysql://me:${secret}@db/dmq`,
    `postgres://me:${secret}@:bad/dmq`,
    `postgres://me:${secret}@`,
    `jdbc:oracle:thin:me/${secret}@db`,
    `${secret}`,
    `//me:${secret}@db`,
    'sqlite:',
    'sqlite::memory:',
  ]) {
    try {
      assert.doesNotMatch(mirrorAddress(given).shown, /hunter2/)
    } catch (error) {
      assert.ok(error instanceof FatalError, `${given}: ${error}`)
      assert.match(error.message, /sqlite:PATH|postgres:\/\//, 'it says what is expected')
      assert.doesNotMatch(error.message, /hunter2|\n/)
    }
  }
})

test('only what names a database of ours is for the mirror', () => {
  const ours = ['sqlite:x', 'jdbc:sqlite:x', 'postgres://x', 'postgresql://x', 'jdbc:postgresql://x/y']
  const others = ['jdbc:h2:mem:test', 'jdbc:mysql://x/y', 'x', '', 'jdbc:', 'sqlite3:x']
  assert.deepEqual(ours.filter(isMirrorAddress), ours)
  assert.deepEqual(others.filter(isMirrorAddress), [])
  for (const given of others) assert.throws(() => mirrorAddress(given), FatalError)
})
