// npm run soak -- [--minutes N] [--seed N] [--nodes N] [--clients N]: real processes, killed, stopped and cut off, under
// clients whose whole history is checked for linearizability.
import { parseArgs } from 'node:util'
import { soak } from './soak.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    nodes: { type: 'string', default: '3' },
    clients: { type: 'string', default: '8' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(
    'usage: npm run soak -- [--minutes 10] [--seed N] [--nodes 3] [--clients 8]\n\nExample:\n  npm run soak -- --minutes 1 --seed 7 --nodes 5',
  )
  process.exit(0)
}
const seconds = Number(values.minutes) * 60
const seed = Number(values.seed)
console.log(`seed ${seed}: ${values.nodes} nodes, ${values.clients} clients, ${seconds} s`)
const began = performance.now()
const tell = (line: string): void =>
  console.log(`${String(Math.round((performance.now() - began) / 1000)).padStart(5)} s  ${line}`)
const result = await soak({
  seconds,
  seed,
  nodes: Number(values.nodes),
  clients: Number(values.clients),
  tell,
})
console.log(`\n${result.operations} operations, ${result.unknown} of unknown outcome`)
for (const [fault, count] of [...result.faults].sort()) console.log(`${String(count).padStart(5)} x ${fault}`)
for (const violation of result.violations) console.error(`VIOLATION: ${violation}`)
console.log(
  result.violations.length === 0
    ? 'linearizable, and all nodes agree'
    : `replay: npm run soak -- --seed ${seed}`,
)
process.exit(result.violations.length === 0 ? 0 : 1)
