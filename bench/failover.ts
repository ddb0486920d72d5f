// How long until the first acknowledged write after SIGKILL of the controller? npm run bench -- failover [--runs N]
//
// Default settings. A client tries every 5 ms, at each surviving node in turn, until a write is acknowledged.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { machineLine } from './lib/machine.ts'
import { createTopics, type Group, request, startDmq, startEtcd, until } from './lib/servers.ts'
import { median } from './lib/stats.ts'

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '20' }, only: { type: 'string' } },
})
const folder = join('.dmq', `bench-${process.pid}`)
const RETRY_MS = 5

async function write(group: Group, port: number, count: number): Promise<boolean> {
  const { status } =
    group.name === 'DMQ'
      ? await request('PATCH', `http://127.0.0.1:${port}/api/v1/metadata/topics/bench-0`, {
          config: { 'retention.ms': count },
        })
      : await request('POST', `http://127.0.0.1:${port}/v3/kv/put`, {
          key: 'YmVuY2g=',
          value: Buffer.from(String(count)).toString('base64'),
        })
  return status === 200
}

/** Milliseconds from the kill to the first acknowledgement. */
async function failover(group: Group, run: number): Promise<number> {
  const killed = await group.leader()
  const survivors = group.members.filter(member => member !== killed)
  const begun = performance.now()
  const over = killed.end('SIGKILL')
  let count = run * 1_000_000
  let acknowledged = 0
  while (acknowledged === 0) {
    // Several may be under way: a node that takes the request and cannot answer must not hold up the next try.
    for (const { port } of survivors) {
      void write(group, port, ++count).then(done => {
        if (done && acknowledged === 0) acknowledged = performance.now()
      })
    }
    await pause(RETRY_MS)
  }
  await over
  killed.restart()
  await until('the killed node is back', async () =>
    (await request('GET', `http://127.0.0.1:${killed.port}/health`)).status > 0 ? true : null,
  )
  await pause(500)
  return acknowledged - begun
}

console.log(machineLine())
const groups = [
  await startDmq(join(folder, 'dmq')),
  ...(values.only === 'dmq' ? [] : [await startEtcd(join(folder, 'etcd'))]),
].filter(group => group !== null)
try {
  await createTopics(groups[0]!, 1)
  console.log('\n       runs  median ms  worst ms')
  for (const group of groups) {
    const times: number[] = []
    for (let run = 1; run <= Number(values.runs); run++) times.push(await failover(group, run))
    console.log(
      `${group.name.padEnd(5)} ${String(times.length).padStart(5)} ${median(times).toFixed(0).padStart(10)} ${Math.max(
        ...times,
      )
        .toFixed(0)
        .padStart(9)}`,
    )
  }
} finally {
  for (const group of groups) await group.stop()
  rmSync(folder, { recursive: true, force: true })
}
