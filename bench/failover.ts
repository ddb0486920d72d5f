// How long until the first acknowledged write after the controller is gone? npm run bench -- failover
//   [--runs N] [--silent N] [--cut N] [--only dmq]
//
// Gone is: killed (SIGKILL, --runs times); silent (SIGSTOP, --silent times: its host still answers, it does not); or cut off
// (--cut times: no packet reaches it or leaves it; each node in a network of its own, which needs root and iproute2).
//
// Default settings. A client tries every 5 ms, at each surviving node in turn, until a write is acknowledged.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Hosts } from './lib/hosts.ts'
import { machineLine } from './lib/machine.ts'
import { benchOptions } from './lib/options.ts'
import { createTopics, type Group, type Member, request, startDmq, startEtcd, until } from './lib/servers.ts'
import { median } from './lib/stats.ts'

const values = benchOptions(
  'failover',
  'How long until the first acknowledged write after the controller is gone?',
  {
    runs: [50, 'how often it is killed (SIGKILL)'],
    silent: [10, 'how often it stands still (SIGSTOP)'],
    cut: [10, 'how often it is cut off the network (needs root and iproute2)'],
    only: ['', 'dmq: without etcd'],
  },
)
const folder = join('.dmq', `bench-${process.pid}`)
const RETRY_MS = 5
/** So long that a node which came back has made ready what it does in its first seconds. */
const CALM_MS = 4_000

/** One way to go, and the way back. `end` may resolve when the process has ended. */
type Loss = {
  readonly name: string
  readonly end: (leader: Member, place: number) => Promise<void> | undefined
  readonly back: (leader: Member, place: number) => void
}

const KILLED: Loss = {
  name: 'killed',
  end: leader => leader.end('SIGKILL'),
  back: leader => leader.restart(),
}
const SILENT: Loss = { name: 'silent', end: leader => void leader.pause(), back: leader => leader.wake() }
const cutOff = (hosts: Hosts): Loss => ({
  name: 'cut off',
  end: (_, place) => void hosts.cutOff(place),
  back: (_, place) => hosts.mend(place),
})

async function write(group: Group, { url }: Member, count: number): Promise<boolean> {
  const { status } =
    group.name === 'DMQ'
      ? await request('PATCH', `${url}/api/v1/metadata/topics/bench-0`, { config: { 'retention.ms': count } })
      : await request('POST', `${url}/v3/kv/put`, {
          key: 'YmVuY2g=',
          value: Buffer.from(String(count)).toString('base64'),
        })
  return status === 200
}

/** Milliseconds from the loss of the leader to the first acknowledgement of another. */
async function once(group: Group, loss: Loss, run: number): Promise<number> {
  const leader = await group.leader()
  const place = group.members.indexOf(leader)
  const over = loss.end(leader, place)
  const begun = performance.now()
  const acknowledged = await firstWrite(group, leader, run)
  await over
  loss.back(leader, place)
  for (const member of group.members)
    await until('all are well again', async () => ((await group.isReady(member)) ? true : null))
  await pause(CALM_MS)
  return acknowledged - begun
}

async function firstWrite(group: Group, gone: Member, run: number): Promise<number> {
  const survivors = group.members.filter(member => member !== gone)
  let count = run * 1_000_000
  let acknowledged = 0
  while (acknowledged === 0) {
    // Several may be under way: a node that takes the request and cannot answer must not hold up the next try.
    for (const member of survivors) {
      void write(group, member, ++count).then(done => {
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

/** Measures DMQ, then etcd where it is installed, with every loss that is to be tried more than 0 times. */
async function measure(name: string, losses: readonly (readonly [Loss, number])[], hosts: Hosts | null) {
  const dmq = await startDmq(join(folder, name, 'dmq'), [], hosts)
  const groups = [dmq]
  try {
    const etcd = values.only === 'dmq' ? null : await startEtcd(join(folder, name, 'etcd'), hosts)
    if (etcd !== null) groups.push(etcd)
    await createTopics(dmq, 1)
    for (const [loss, runs] of losses) {
      for (const group of groups) {
        const times: number[] = []
        for (let run = 1; run <= runs; run++) times.push(await once(group, loss, run))
        if (times.length > 0) console.log(rowOf(group.name, loss.name, times))
      }
    }
  } finally {
    for (const group of groups) await group.stop()
  }
}

const { runs, silent, cut } = values
console.log(machineLine())
console.log('\n                runs  median ms  worst ms')
try {
  if (runs + silent > 0)
    await measure(
      'near',
      [
        [KILLED, runs],
        [SILENT, silent],
      ],
      null,
    )
  const hosts = cut > 0 ? Hosts.open(3) : null
  if (cut > 0 && hosts === null) console.log('cut off: not measured, for it needs root and iproute2')
  try {
    if (hosts !== null) await measure('apart', [[cutOff(hosts), cut]], hosts)
  } finally {
    hosts?.close()
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
