import assert from 'node:assert/strict'
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { ask, CLUSTER_KEY, Cluster, until } from '../cluster/processes.ts'

const dmq = join(import.meta.dirname, '..', '..', 'bin', 'dmq.mjs')
let cluster: Cluster

type Run = { code: number; out: string; err: string }

/** Runs one command against the cluster, as a user would. */
function run(...args: readonly string[]): Promise<Run> {
  const bootstrap = cluster.metadata.map(({ url }) => url).join(',')
  const env = { ...process.env, DMQ_BOOTSTRAP: bootstrap, CLUSTER_KEY, NO_COLOR: '1' }
  return new Promise(resolve => {
    execFile(process.execPath, [dmq, ...args], { env }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    )
  })
}

before(async () => {
  cluster = await Cluster.start({ metadata: 3, storage: 1 })
})
after(() => cluster[Symbol.asyncDispose]())

test('a topic is created, listed, described, altered and deleted', async () => {
  const created = await run('topic', 'create', 'orders', '-p', '2', '-c', 'retention.ms=1000')
  assert.equal(created.code, 0, created.err)
  assert.match(created.out, /topic orders created/)
  assert.match((await run('topic', 'list')).out, /^orders\s+2\s+1\s+retention\.ms=1000$/m)
  const described = JSON.parse((await run('topic', 'describe', 'orders', '--json')).out)
  assert.deepEqual(
    described.partitions.map((partition: { leader: number }) => partition.leader),
    [101, 101],
  )
  const altered = await run('topic', 'alter', 'orders', '-p', '3', '-c', 'retention.ms=')
  assert.equal(altered.code, 0, altered.err)
  assert.match(altered.out, /^\s+2\s+101\s+0\s+101\s+101/m)
  assert.match((await run('topic', 'delete', 'orders')).out, /topic orders deleted/)
  assert.equal((await run('topic', 'list')).out, 'none\n')
})

test('brokers, cluster and quorum are shown as tables and as JSON', async () => {
  assert.match((await run('broker', 'list')).out, /^\s*101\s+localhost:\d+\s+-\s+ONLINE/m)
  assert.match((await run('broker', 'describe', '101')).out, /^status\s+ONLINE/m)
  assert.match((await run('cluster')).out, /^brokers\s+1, 1 ONLINE$/m)
  const quorum = await run('quorum')
  assert.match(quorum.out, /^\s*\d\s+LEADER/m, quorum.err)
  assert.equal(JSON.parse((await run('quorum', '--json')).out).voters.length, 3)
})

test('an error is one line with its code, and the exit code is 1', async () => {
  const missing = await run('topic', 'describe', 'nothing')
  assert.deepEqual([missing.code, missing.out], [1, ''])
  assert.equal(missing.err, 'dmq: UNKNOWN_TOPIC: topic "nothing" does not exist\n')
  const illegal = await run('topic', 'create', 'bad name')
  assert.match(illegal.err, /^dmq: INVALID_TOPIC: .*1 to 249 characters.*\n$/)
})

test('a mistake in the command line is exit code 2, and says where help is', async () => {
  for (const args of [
    ['topics'],
    ['topic', 'create'],
    ['topic', 'create', 'x', '-p', 'many'],
    ['topic', 'alter', 'x'],
  ]) {
    const { code, err } = await run(...args)
    assert.equal(code, 2, args.join(' '))
    assert.match(err, /error: /)
  }
  const help = await run('topic', 'create', '--help')
  assert.deepEqual([help.code, /Examples:/.test(help.out)], [0, true])
})

test('an address may be host and port; what is none, or no number there is, is refused at once', async () => {
  const { port } = new URL(cluster.metadata[0]!.url)
  assert.equal((await run('topic', 'list', '-b', `localhost:${port}`)).code, 0)
  const cases: [string[], RegExp][] = [
    [['topic', 'list', '-b', 'nonsense'], /"nonsense" is no address of a metadata node; http:\/\/host:9091/],
    [['topic', 'list', '-b', 'localhost:9091,ftp://x'], /"ftp:\/\/x" is no address/],
    [['history', '-n', '0'], /1 to 1000 is expected/],
    [['history', '-n', '5000'], /1 to 1000 is expected/],
    [['history', '--from', '5', '--to', '3'], /--from 5 is after --to 3/],
    [['features', 'upgrade', 'metadata.version=2'], /dmq features upgrade metadata\.version --to 2/],
  ]
  for (const [args, expected] of cases) {
    const { code, err } = await run(...args)
    assert.equal(code, 2, args.join(' '))
    assert.match(err, expected)
  }
  const told = JSON.parse((await run('topic', 'list', '-b', 'nonsense', '--json')).err)
  assert.equal(told.error.code, 'USAGE')
})

test('a feature that is not known is answered with those that are', async () => {
  const { err } = await run('features', 'upgrade', 'foo')
  assert.match(err, /feature "foo" is not known; known are metadata\.version/)
})

test('a change of members that names nobody is refused before anything is done', async () => {
  const nowhere = ['--url', 'http://localhost:1', '--timeout', '400']
  const replaced = await run('quorum', 'replace', '9', '4', ...nowhere)
  assert.match(replaced.err, /node 9 is no voter; the voters are 1, 2, 3\n/)
  assert.match((await run('quorum', 'remove', '9')).err, /node 9 is no member .* the voters are 1, 2, 3\n/)
  assert.match((await run('quorum', 'add', '4', ...nowhere)).err, /no answer from .*tried for 400 ms/)
})

test('who gives another key is told which option it is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dmq-key-'))
  const file = join(folder, 'cluster.key')
  writeFileSync(file, 'x'.repeat(32))
  const env = { ...process.env, DMQ_BOOTSTRAP: cluster.metadata[0]!.url, CLUSTER_KEY_FILE: file }
  delete (env as NodeJS.ProcessEnv).CLUSTER_KEY
  const err = await new Promise<string>(resolve => {
    execFile(process.execPath, [dmq, 'quorum'], { env }, (_error, _out, text) => resolve(text))
  })
  rmSync(folder, { recursive: true })
  assert.match(
    err,
    /UNAUTHENTICATED: the proof of the cluster key is wrong.* --cluster-key-file or CLUSTER_KEY_FILE/,
  )
})

test('a node whose port is taken ends with one line; a storage node leaves the proof of its last clean stop', async () => {
  const taken = createServer().listen(0, 'localhost')
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const folder = mkdtempSync(join(tmpdir(), 'dmq-port-'))
  const services = join(folder, 'services.json')
  const entry = (id: number) => ({ id, url: `http://localhost:${id}` })
  writeFileSync(services, JSON.stringify({ metadataServices: [entry(1)], storageServices: [entry(101)] }))
  const proof = join(folder, 'storage-101', 'clean-stop.json')
  mkdirSync(dirname(proof))
  writeFileSync(proof, '{"brokerEpoch":7}')
  for (const [kind, id] of [
    ['metadata', '1'],
    ['storage', '101'],
  ] as const) {
    const where = ['--services', services, '--data-dir', join(folder, `${kind}-${id}`), '--port', `${port}`]
    const { code, err } = await run(kind, '--node-id', id, ...where)
    assert.deepEqual(
      [code, err],
      [1, `dmq: port ${port} on localhost is in use by another process; stop it, or choose another port\n`],
    )
  }
  assert.equal(readFileSync(proof, 'utf8'), '{"brokerEpoch":7}')
  taken.close()
  rmSync(folder, { recursive: true, force: true })
})

test('brokers are asked of the controller, whichever node is named: only it hears heartbeats', async () => {
  const { url: leads } = await cluster.controller()
  const { url } = cluster.metadata.find(node => node.url !== leads)!
  const { lastHeartbeatAt } = JSON.parse((await run('broker', 'describe', '101', '--json', '-b', url)).out)
  assert.equal(typeof lastHeartbeatAt, 'number')
  const [listed] = JSON.parse((await run('broker', 'list', '--json', '-b', url)).out)
  assert.equal(typeof listed.lastHeartbeatAt, 'number')
})

test('without a controller brokers are shown as another node knows them, and that is said', async () => {
  await using other = await Cluster.start({ metadata: 3, storage: 0 })
  await other.write('POST', '/brokers', { brokerId: 1, host: 'localhost', port: 9 })
  const [last, ...others] = other.metadata
  await until(
    'it has heard of the broker',
    async () => (await other.readAt(last!, '/brokers/1')).status === 200,
  )
  await Promise.all(others.map(node => node.end('SIGKILL')))
  await until('no controller', async () => (await other.readAt(last!, '/controller')).status === 503)
  const args = ['broker', 'list', '-b', last!.url, '--timeout', '300']
  const { code, out, err } = await run(...args)
  assert.deepEqual([code, /^ +1 +localhost:9 /m.test(out)], [0, true])
  assert.match(err, /^dmq: no controller answers: this is what another metadata node knows/)
  assert.equal(JSON.parse((await run(...args, '--json')).err).note.code, 'NO_CONTROLLER')

  const described = await run('broker', 'describe', '1', '-b', last!.url, '--timeout', '300')
  assert.match(described.out, /^last heartbeat +not known: a controller knows of those it has heard itself$/m)

  const everybody = [last!, ...others].map(({ url }) => url).join(',')
  const created = await run('topic', 'create', 'late', '-b', everybody, '--timeout', '300')
  assert.match(created.err, /^dmq: NO_CONTROLLER: /)
  const quorum = await run('quorum', '-b', everybody, '--timeout', '300')
  const { id } = last!.entry
  assert.equal(quorum.code, 0, quorum.err)
  assert.match(
    quorum.err,
    new RegExp(`^dmq: no controller answers: this is what metadata node ${id} has in its log`),
  )
  assert.match(quorum.out, new RegExp(`^ +${id} +(CANDIDATE|FOLLOWER) +- +- `, 'm'))
  for (const { entry } of others) assert.match(quorum.out, new RegExp(`^ +${entry.id} +- +- +- `, 'm'))
})

test('a voter that is not there is UNREACHABLE, and nothing is known of it in a term in which it was not heard', async () => {
  await using other = await Cluster.start({ metadata: 3, storage: 0 })
  const controller = await other.controller()
  const [gone, stays] = other.metadata.filter(node => node !== controller)
  await gone!.end('SIGKILL')
  await other.dmq('quorum', 'transfer', String(stays!.entry.id))
  // Whoever leads by then: it began after the node was gone.
  const row = (id: number, rest: string): string => ` +${id} +${rest}\\n`
  const silent = row(gone!.entry.id, 'UNREACHABLE +- +- +- +\\S+')
  const there = [stays!, controller].map(({ entry }) =>
    row(entry.id, '(LEADER|FOLLOWER) +\\d+ +0 +\\d+ +\\S+'),
  )
  await until('it is silent, and the others are known', async () => {
    const text = await other.dmq('quorum')
    return [silent, ...there].every(expected => new RegExp(`^${expected}`, 'm').test(text))
  })
})

test('a write finds the new controller while a failover is under way', async () => {
  const controller = await cluster.controller()
  await controller.end('SIGKILL')
  const created = await run('topic', 'create', 'during-failover')
  assert.equal(created.code, 0, created.err)
  controller.start()
  await cluster.ready()
})

test('nobody at home: the command gives up after --timeout', async () => {
  const env = { ...process.env, DMQ_BOOTSTRAP: 'http://localhost:1' }
  const begun = performance.now()
  const result = await new Promise<Run>(resolve => {
    execFile(process.execPath, [dmq, 'cluster', '--timeout', '300'], { env }, (error, out, err) =>
      resolve({ code: Number(error?.code), out, err }),
    )
  })
  assert.equal(result.code, 1)
  assert.match(result.err, /^dmq: UNREACHABLE: no answer from http:\/\/localhost:1 .*tried for 300 ms\)\n$/)
  assert.ok(performance.now() - begun < 10_000)
})

test('the log of a stopped node is printed as JSON lines; that of a running one is refused', async () => {
  await using other = await Cluster.start({ metadata: 1, storage: 0 })
  const [node] = other.metadata
  await other.write('POST', '/brokers', { brokerId: 1, host: 'localhost', port: 9 })
  const busy = await run('log', 'dump', node!.folder)
  assert.equal(busy.code, 1)
  assert.match(busy.err, /the folder is in use by process \d+/)
  await node!.end('SIGTERM')
  const { out, code, err } = await run('log', 'dump', node!.folder)
  assert.equal(code, 0, err)
  const lines = out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  assert.deepEqual(
    lines.map(line => line.commandType ?? 'state'),
    ['FoundClusterCommand', 'NoOpCommand', 'UpdateFeaturesCommand', 'RegisterBrokerCommand', 'state'],
  )
  assert.equal(lines[3].command.brokerId, 1)
})

/** The process id of a node that another process runs. */
function childOf(parent: number, kind: string): number | null {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n')
  const row = rows
    .map(text => /^ *(\d+) +(\d+) (.*)$/.exec(text))
    .find(found => {
      return found !== null && Number(found[2]) === parent && found[3]!.includes(` ${kind} --node-id `)
    })
  return row == null ? null : Number(row[1])
}

test('dmq up runs a cluster, keeps its data, names ports in use, and ends with its supervisor', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'dmq-up-'))
  const taken = createServer().listen(0, 'localhost')
  const started: ChildProcess[] = []
  // Where it fails in between, nothing of it keeps this process from ending.
  t.after(() => {
    taken.close()
    for (const child of started) child.kill('SIGKILL')
  })
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const args = [
    'up',
    '--metadata',
    '1',
    '--storage',
    '1',
    '--folder',
    folder,
    '--storage-port',
    String(port + 1),
  ]
  const mistaken = await run(
    ...args,
    '--metadata-port',
    String(port),
    '--mirror',
    'mysql://root:secret@db/dmq',
  )
  assert.equal(mistaken.code, 1, mistaken.err)
  assert.match(mistaken.err, /^dmq: the mirror is "sqlite:PATH" or "postgres:\/\/…"; "mysql:…" was given\n$/)
  const refused = await run(...args, '--metadata-port', String(port))
  assert.equal(refused.code, 1)
  assert.match(refused.err, /port \d+ is in use by another process/)
  taken.close()

  const url = `http://localhost:${port}`
  const file = join(folder, 'mirror.db')
  let errors = ''
  const start = async () => {
    const more = ['--metadata-port', String(port), '--mirror', `sqlite:${file}`]
    const child = spawn(process.execPath, [dmq, ...args, ...more], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    errors = ''
    child.stderr.on('data', chunk => {
      errors += chunk
    })
    started.push(child)
    let out = ''
    child.stdout.on('data', chunk => {
      out += chunk
    })
    await until('the welcome', async () => out.includes('Five things to try'))
    const pattern = /pgrep -f '(.*?)'\)/.exec(out)![1]!
    const found = execFileSync('pgrep', ['-f', pattern]).toString().trim().split('\n').map(Number)
    assert.deepEqual(found, [await childOf(child.pid!, 'metadata')], 'node 1 of this cluster, and no other')
    const key = join(folder, 'cluster.key')
    assert.ok(out.includes(`     export DMQ_BOOTSTRAP=${url} CLUSTER_KEY_FILE=${key}    # first\n`), out)
    return child
  }
  const first = await start()
  assert.equal(
    (
      await ask('POST', `${url}/api/v1/metadata/topics`, {
        topicName: 'kept',
        numPartitions: 1,
        replicationFactor: 1,
      })
    ).status,
    201,
  )
  await until('the topic is in the mirror', async () => {
    const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 })
    try {
      return database.prepare('SELECT topic FROM topics').all().length === 1
    } finally {
      database.close()
    }
  })
  const storage = await until('the storage node', async () => childOf(first.pid!, 'storage'))
  process.kill(storage, 'SIGKILL')
  const line = await until(
    'how it is started again',
    async () => /^ {2}npx dmq (storage .*)$/m.exec(errors)?.[1],
  )
  const again = spawn(process.execPath, [dmq, ...line.split(' ')], { stdio: 'ignore' })
  await until('it is back', async () => {
    const health = await ask('GET', `http://localhost:${port + 1}/health/ready`)
    return health.status === 200
  })
  const stopped = once(again, 'exit')
  again.kill('SIGTERM')
  await stopped
  const over = once(first, 'exit')
  first.kill('SIGINT')
  assert.deepEqual((await over)[0], 0)
  const second = await start()
  const kept = await until('the kept topic is led again', async () => {
    const { body } = await ask('GET', `${url}/api/v1/metadata/topics/kept/partitions/0`)
    return body?.leader === 101 ? body : null
  })
  assert.deepEqual(kept.isr, [101])
  second.kill('SIGKILL')
  for (const each of [port, port + 1])
    await until(
      'no node outlives its supervisor',
      async () => (await ask('GET', `http://localhost:${each}/health/live`)).status === 0,
    )
  rmSync(folder, { recursive: true, force: true })
})

test('a start with a mistake in its configuration ends with one clear line', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dmq-config-'))
  const services = join(folder, 'services.json')
  writeFileSync(
    services,
    JSON.stringify({ metadataServices: [{ id: 1, url: 'http://localhost:1' }], storageServices: [] }),
  )
  const cases: [string[], RegExp][] = [
    [['--services', join(folder, 'none.json'), '--node-id', '1'], /none\.json: cannot be read as JSON/],
    [['--services', services], /which node is this\? Give --node-id/],
    [['--services', services, '--node-id', '2'], /node 2 is not in services\.json/],
    [['--services', services, '--node-id', 'one'], /--node-id: expected a whole number/],
    [
      ['--services', services, '--node-id', '1', '--cluster-size', '3'],
      /kraft\.cluster-size is 3, but services\.json has 1/,
    ],
    [['--services', services, '--node-id', '1', '--cluster-key', 'short'], /at least 16 are needed/],
  ]
  for (const [args, expected] of cases) {
    const { code, err } = await run('metadata', ...args)
    assert.equal(code, 1, args.join(' '))
    assert.match(err, expected)
    assert.equal(err.trim().split('\n').length, 1, err)
  }
  rmSync(folder, { recursive: true, force: true })
})
