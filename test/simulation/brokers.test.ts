import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { BROKER_CORPUS } from '../../simulator/brokers/corpus.ts'
import { runBrokerSeed } from '../../simulator/brokers/run.ts'

/** The whole system in the simulator: controller, storage nodes, logs. For more: npm run simulate -- --brokers 5. */
const FRESH_FIRST = 9_000
const FRESH = 3

async function isSound(seed: number, nodes: number | null, brokers: number): Promise<void> {
  const { failure } = await runBrokerSeed({ seed, nodes, brokers, write: null })
  const size = `--brokers ${brokers}${nodes === null ? '' : ` --nodes ${nodes}`}`
  assert.equal(failure, null, `${failure?.text}\nreplay: npm run simulate -- --seed ${seed} ${size} --trace`)
}

for (const { seed, nodes, brokers, why } of BROKER_CORPUS)
  test(`seed ${seed} with ${brokers} storage nodes: ${why}`, () => isSound(seed, nodes, brokers))

test(`${FRESH} seeds of the whole system from ${FRESH_FIRST} on are sound`, async () => {
  for (let i = 0; i < FRESH; i++) await isSound(FRESH_FIRST + i, null, 4)
})

test('one seed of the whole system is one run', async () => {
  const told: string[][] = [[], []]
  const digests: string[] = []
  for (const lines of told) {
    const options = { seed: 17, nodes: null, brokers: 4 }
    const { digest } = await runBrokerSeed({ ...options, write: line => void lines.push(line) })
    digests.push(digest)
  }
  assert.ok(told[0]!.length > 100, `${told[0]!.length} lines`)
  assert.deepEqual(told[0], told[1])
  assert.equal(digests[0], digests[1])
})

test('a bug planted in the rules for ISRs is caught', () => {
  const script = join(import.meta.dirname, '../../simulator/mutate.ts')
  const { stdout, status } = spawnSync(
    process.execPath,
    [script, 'a broker that is fenced stays in its ISRs'],
    {
      encoding: 'utf8',
    },
  )
  assert.equal(status, 0, stdout)
  assert.match(stdout, /1 of 1 planted bugs were caught/)
})
