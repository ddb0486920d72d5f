// How long until the first acknowledged write after the controller is gone? npm run bench -- failover [--runs N] [--silent N]
//
// Gone is: killed (SIGKILL, --runs times), or silent (SIGSTOP, --silent times).
//
// Default settings. A client tries every 5 ms, at each surviving node in turn, until a write is acknowledged.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { machineLine } from './lib/machine.ts'
import { createTopics, type Group, type Member, request, startDmq, startEtcd, until } from './lib/servers.ts'
import { median } from './lib/stats.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '50' },
    silent: { type: 'string', default: '10' },
    only: { type: 'string' },
  },
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
async function killed(group: Group, run: number): Promise<number> {
  const leader = await group.leader()
  const begun = performance.now()
  const over = leader.end('SIGKILL')
  const acknowledged = await firstWrite(group, leader, run)
  await over
  leader.restart()
  await answers(leader)
  return acknowledged - begun
}

async function silent(group: Group, run: number): Promise<number> {
  const leader = await group.leader()
  const begun = performance.now()
  leader.pause()
  const acknowledged = await firstWrite(group, leader, run)
  leader.wake()
  await answers(leader)
  return acknowledged - begun
}

async function answers({ port }: Member): Promise<void> {
  await until('the node is back', async () =>
    (await request('GET', `http://127.0.0.1:${port}/health`)).status > 0 ? true : null,
  )
  await pause(1_000)
}

async function firstWrite(group: Group, gone: Member, run: number): Promise<number> {
  const survivors = group.members.filter(member => member !== gone)
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
  return acknowledged
}

function rowOf(group: string, name: string, times: readonly number[]): string {
  const figures = [times.length, median(times).toFixed(0), Math.max(...times).toFixed(0)]
  const [runs, middle, worst] = figures.map(String)
  return `${group.padEnd(5)} ${name.padEnd(8)} ${runs!.padStart(5)} ${middle!.padStart(10)} ${worst!.padStart(9)}`
}

console.log(machineLine())
const groups = [
  await startDmq(join(folder, 'dmq')),
  ...(values.only === 'dmq' ? [] : [await startEtcd(join(folder, 'etcd'))]),
].filter(group => group !== null)
try {
  await createTopics(groups[0]!, 1)
  console.log('\n                runs  median ms  worst ms')
  for (const [name, once, runs] of [
    ['killed', killed, Number(values.runs)],
    ['silent', silent, Number(values.silent)],
  ] as const) {
    for (const group of groups) {
      const times: number[] = []
      for (let run = 1; run <= runs; run++) times.push(await once(group, run))
      if (times.length > 0) console.log(rowOf(group.name, name, times))
    }
  }
} finally {
  for (const group of groups) await group.stop()
  rmSync(folder, { recursive: true, force: true })
}
