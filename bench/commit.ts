// How fast is a write committed, beside etcd? npm run bench -- commit [--seconds N] [--rounds N] [--clients 1,16,64,256]
//
// Three nodes each on this machine, sync on, one load generator for both, in turns. DMQ: PATCH of a topic's config at the
// controller. etcd: put of a key of like size at its leader, over its JSON gateway (the HTTP that etcd itself offers).
import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Result, Task } from './lib/generator.ts'
import { cpuSeconds, machineLine } from './lib/machine.ts'
import { benchOptions } from './lib/options.ts'
import { createTopics, type Group, startDmq, startEtcd } from './lib/servers.ts'
import { median } from './lib/stats.ts'

const values = benchOptions('commit', 'How fast is a write committed, beside etcd?', {
  seconds: [4, 'of each measurement'],
  rounds: [3, 'measurements of each; the median counts'],
  clients: [[1, 16, 64, 256], 'that write at the same time'],
  only: ['', 'dmq: without etcd'],
})
const folder = join('.dmq', `bench-${process.pid}`)
const generator = join(import.meta.dirname, 'lib', 'generator.ts')

type Measured = Result & { serverCpuUs: number; generatorCpuUs: number }

async function measure(group: Group, clients: number, seconds: number): Promise<Measured> {
  const shape =
    group.name === 'DMQ'
      ? {
          method: 'PATCH',
          path: '/api/v1/metadata/topics/bench-{client}',
          body: '{"config":{"retention.ms":"{count}"}}',
        }
      : { method: 'POST', path: '/v3/kv/put', body: '{"key":"{client64}","value":"{count64}"}' }
  const { port } = await group.leader()
  const task: Task = { host: '127.0.0.1', port, clients, seconds, ...shape }
  const before = cpuOf(group)
  const { stdout } = await promisify(execFile)(process.execPath, [generator, JSON.stringify(task)])
  const used = cpuOf(group) - before
  const result = JSON.parse(stdout) as Result
  if (result.failed > 0) throw new Error(`${group.name}: ${result.failed} of ${result.done} requests failed`)
  return {
    ...result,
    serverCpuUs: (used * 1e6) / result.done,
    generatorCpuUs: (result.cpuSeconds * 1e6) / result.done,
  }
}

function cpuOf({ members }: Group): number {
  return members.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0)
}

function row(name: string, clients: number, runs: readonly Measured[]): string {
  const of = (pick: (run: Measured) => number): number => median(runs.map(pick))
  const rate = of(run => run.done / run.seconds)
  const cells = [
    Math.round(rate),
    of(run => run.p50).toFixed(2),
    of(run => run.p99).toFixed(2),
    Math.round(of(run => run.serverCpuUs)),
    Math.round(of(run => run.generatorCpuUs)),
  ]
  return [name.padEnd(5), String(clients).padStart(7), ...cells.map(cell => String(cell).padStart(10))].join(
    ' ',
  )
}

console.log(machineLine())
const dmq = await startDmq(join(folder, 'dmq'))
await createTopics(dmq, Math.max(...values.clients))
const etcd = values.only === 'dmq' ? null : await startEtcd(join(folder, 'etcd'))
if (etcd === null) console.log('etcd is not measured: apt-get install etcd-server, and leave out --only')
console.log(`\n      clients   writes/s     p50 ms     p99 ms  server us    load us`)
try {
  for (const clients of values.clients) {
    const runs: { dmq: Measured[]; etcd: Measured[] } = { dmq: [], etcd: [] }
    for (let round = 0; round <= values.rounds; round++) {
      const warmUp = round === 0
      const seconds = warmUp ? 1 : values.seconds
      const ours = await measure(dmq, clients, seconds)
      const theirs = etcd === null ? null : await measure(etcd, clients, seconds)
      if (warmUp) continue
      runs.dmq.push(ours)
      if (theirs !== null) runs.etcd.push(theirs)
    }
    console.log(row('DMQ', clients, runs.dmq))
    if (etcd === null) continue
    console.log(row('etcd', clients, runs.etcd))
    const rates = runs.dmq.map(
      (run, i) => run.done / run.seconds / (runs.etcd[i]!.done / runs.etcd[i]!.seconds),
    )
    const latencies = runs.dmq.map((run, i) => run.p50 / runs.etcd[i]!.p50)
    console.log(
      `      ratio: ${median(rates).toFixed(2)} times etcd's writes/s, ${median(latencies).toFixed(2)} of its median latency`,
    )
  }
} finally {
  await dmq.stop()
  await etcd?.stop()
  rmSync(folder, { recursive: true, force: true })
}
