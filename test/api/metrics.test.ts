import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parse } from 'yaml'
import { ask, Cluster, type NodeProcess, root, until } from '../cluster/processes.ts'
import { assertSound, METADATA, settled } from './contract.ts'
import { type Family, sampleOf, scrape } from './exposition-format.ts'
import { documented, type Row } from './metrics-page.ts'

/** GET /metrics on three metadata nodes and two storage nodes. */
let cluster: Cluster
let controller: NodeProcess
let follower: NodeProcess
let storage: NodeProcess

before(async () => {
  cluster = await Cluster.start({
    metadata: 3,
    storage: 2,
    args: ['--election-timeout-ms', '3000', '--session-timeout-ms', '60000', '--snapshot-bytes', '4096'],
  })
  controller = await cluster.controller()
  follower = cluster.metadata.find(node => node !== controller)!
  storage = cluster.storage[0]!
  await settled(cluster.all)
})
after(() => cluster[Symbol.asyncDispose]())

async function createTopic(topicName: string, numPartitions: number): Promise<void> {
  const body = { topicName, numPartitions, replicationFactor: 2 }
  const answer = await ask('POST', `${controller.url}${METADATA}/topics`, body)
  assert.equal(answer.status, 201)
}

/** How much each of the metrics grew while `action` was carried out. */
async function growth(node: NodeProcess, names: readonly string[], action: () => Promise<void>) {
  const before = await scrape(node)
  await action()
  const now = await scrape(node)
  return names.map(name => (sampleOf(now, name) ?? 0) - (sampleOf(before, name) ?? 0))
}

/** As a row of the page says it; labels are known only where there are samples. */
function rowOf({ name, type, help, samples }: Family): Row | Omit<Row, 'labels'> {
  const row = { name, type, help }
  if (samples.length === 0) return row
  const labels = new Set(samples.flatMap(sample => Object.keys(sample.labels)))
  labels.delete('le')
  return { ...row, labels: [...labels].sort() }
}

function assertDocumented(families: Map<string, Family>, rows: readonly Row[]): void {
  const served = [...families.values()].map(rowOf).sort((a, b) => (a.name < b.name ? -1 : 1))
  const expected = rows
    .map(({ labels, ...row }) =>
      (families.get(row.name)?.samples.length ?? 0) > 0 ? { ...row, labels } : row,
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  assert.deepEqual(served, expected)
}

test('every process serves what docs/metrics.md lists, and nothing else', async () => {
  await createTopic('listed', 1)
  await ask('GET', `${controller.url}/nothing-here`)
  for (const node of cluster.metadata)
    assertDocumented(await scrape(node), [
      ...documented('Every process'),
      ...documented('Metadata nodes'),
      ...documented('Session links'),
    ])
  for (const node of cluster.storage)
    assertDocumented(await scrape(node), [...documented('Every process'), ...documented('Storage nodes')])
})

test('the page lists every metric once, under a name that says its unit and whose it is', () => {
  const rows = documented()
  assert.ok(rows.length > 70)
  assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length)
  for (const { name, type } of rows) {
    assert.match(name, /^(dmq|nodejs|process)_[a-z0-9_]+$/)
    assert.equal(name.endsWith('_total'), type === 'counter', name)
    if (type === 'histogram') assert.match(name, /_seconds$/)
  }
})

/** Every metric that an expression of PromQL names. */
function metricsIn(expression: string): string[] {
  return [...expression.matchAll(/\b(?:dmq|nodejs|process)_[a-z0-9_]+/g)].map(([name]) =>
    name.replace(/(_seconds)_(bucket|sum|count)$/, '$1'),
  )
}

test('the dashboard and the alerts name only metrics and labels that there are', () => {
  const known = new Map(documented().map(row => [row.name, row]))
  const board = JSON.parse(readFileSync(join(root, 'docs/grafana/dmq.json'), 'utf8'))
  const alerts = parse(readFileSync(join(root, 'docs/alerts.yml'), 'utf8'))
  const expressions: string[] = [
    ...board.panels.flatMap((panel: any) => (panel.targets ?? []).map((target: any) => target.expr)),
    ...alerts.groups.flatMap((group: any) => group.rules.map((rule: any) => rule.expr)),
  ]
  assert.ok(expressions.length > 30)
  for (const expression of expressions) {
    const named = metricsIn(expression)
    assert.ok(named.length > 0, expression)
    for (const name of named) assert.ok(known.has(name), `${name} in ${expression}`)
    const allowed = new Set(['instance', 'job', 'le', ...named.flatMap(name => known.get(name)!.labels)])
    const by = [...expression.matchAll(/\b(?:by|without|on) \(([^)]*)\)/g)].flatMap(match =>
      match[1]!.split(','),
    )
    const selected = [...expression.matchAll(/([a-z_]+)(?:=~|!~|!=|=)"/g)].map(match => match[1]!)
    for (const label of [...by.map(text => text.trim()).filter(text => text !== ''), ...selected])
      assert.ok(allowed.has(label), `${label} in ${expression}`)
  }
})

test('the dashboard can be imported: ids are unique, every panel has its place, a title and a query', () => {
  const board = JSON.parse(readFileSync(join(root, 'docs/grafana/dmq.json'), 'utf8'))
  assert.deepEqual(
    [board.uid, board.id, board.__inputs[0].pluginId, typeof board.schemaVersion],
    ['dmq', null, 'prometheus', 'number'],
  )
  const ids = board.panels.map(({ id }: any) => id)
  assert.equal(new Set(ids).size, ids.length)
  const taken = new Set<string>()
  for (const { title, type, gridPos, targets, datasource } of board.panels) {
    assert.ok(title.length > 0 && gridPos.w <= 24 && gridPos.x + gridPos.w <= 24, title)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(!taken.has(`${x} ${y}`), `${title} lies on another panel`)
        taken.add(`${x} ${y}`)
      }
    if (type === 'row') continue
    assert.equal(datasource.uid, `\${${board.__inputs[0].name}}`, title)
    assert.equal(new Set(targets.map(({ refId }: any) => refId)).size, targets.length, title)
  }
  const rows = board.panels.filter(({ type }: any) => type === 'row').map(({ title }: any) => title)
  assert.deepEqual(rows, ['Quorum', 'Latency', 'Brokers and partitions', 'Sync', 'Process'])
})

test('every alert has a severity, a summary and a line of what to do', () => {
  const { groups } = parse(readFileSync(join(root, 'docs/alerts.yml'), 'utf8'))
  const rules = groups.flatMap((group: any) => group.rules)
  assert.equal(new Set(rules.map(({ alert }: any) => alert)).size, rules.length)
  for (const { alert, labels, annotations, for: pending } of rules) {
    assert.match(alert, /^Dmq[A-Z][A-Za-z]+$/)
    assert.match(labels.severity, /^(critical|warning)$/)
    assert.match(pending, /^\d+[smh]$/)
    assert.ok(annotations.summary.length > 0 && annotations.runbook.length > 0, alert)
  }
})

test('a topic shows in the counts, in the log, and in what was measured on its way', async () => {
  const names = ['dmq_topics', 'dmq_partitions', 'dmq_raft_commit_index', 'dmq_metadata_version']
  const measured = ['dmq_raft_commit_latency_seconds_count', 'dmq_raft_log_write_latency_seconds_count']
  const grown = await growth(controller, [...names, ...measured], () => createTopic('shown', 5))
  assert.deepEqual(grown.slice(0, 2), [1, 5])
  for (const [i, by] of grown.entries()) assert.ok(by >= 1, `${[...names, ...measured][i]} grew by ${by}`)
  await until('the follower has it too', async () => {
    const [mine, its] = [await scrape(controller), await scrape(follower)]
    return sampleOf(its, 'dmq_partitions') === sampleOf(mine, 'dmq_partitions')
  })
  await until('and so has the storage node', async () => {
    const [mine, its] = [await scrape(controller), await scrape(storage)]
    if (sampleOf(its, 'dmq_metadata_version') !== sampleOf(mine, 'dmq_metadata_version')) return false
    assert.equal(sampleOf(its, 'dmq_metadata_state_hash'), sampleOf(mine, 'dmq_metadata_state_hash'))
    return true
  })
  const { body } = await ask('GET', `${storage.url}/api/v1/storage/status`)
  const held = await scrape(storage)
  for (const role of ['leader', 'follower'])
    assert.equal(
      sampleOf(held, 'dmq_storage_partitions', { role }),
      body.partitions.filter((one: { role: string }) => one.role === role.toUpperCase()).length,
    )
})

test('linearizable reads are counted with the rounds that confirm them', async () => {
  const [rounds] = await growth(controller, ['dmq_raft_read_rounds_total'], async () => {
    const before = sampleOf(await scrape(follower), 'dmq_raft_reads_total', { result: 'confirmed' })!
    for (let i = 0; i < 3; i++)
      assert.equal(
        (await ask('GET', `${follower.url}${METADATA}/topics?consistency=linearizable`)).status,
        200,
      )
    assert.equal(
      sampleOf(await scrape(follower), 'dmq_raft_reads_total', { result: 'confirmed' }),
      before + 3,
    )
  })
  assert.ok(rounds! >= 3)
})

test('requests are counted by route and status, and what has no route by itself', async () => {
  const count = async (method: string, route: string, status: string): Promise<number> =>
    sampleOf(await scrape(controller), 'dmq_http_requests_total', { method, route, status }) ?? 0
  const route = `${METADATA}/topics/:name`
  const known = await count('GET', route, '404')
  const unknown = await count('ANY', '(none)', '404')
  await ask('GET', `${controller.url}${METADATA}/topics/not-there`)
  await ask('GET', `${controller.url}${METADATA}/topics/not-there-either`)
  await ask('POST', `${controller.url}/what-is-this`, {})
  assert.deepEqual(
    [(await count('GET', route, '404')) - known, (await count('ANY', '(none)', '404')) - unknown],
    [2, 1],
  )
})

test('heartbeats are counted by what came of them', async () => {
  const of = async (result: string): Promise<number> =>
    sampleOf(await scrape(controller), 'dmq_broker_heartbeats_total', { result }) ?? 0
  const unknown = await of('UNKNOWN_BROKER')
  const beat = { brokerId: 4_711, timestamp: 1, metadataVersion: 0 }
  assert.equal((await ask('POST', `${controller.url}${METADATA}/heartbeat/4711`, beat)).status, 404)
  assert.equal(await of('UNKNOWN_BROKER'), unknown + 1)
  const accepted = await of('ACCEPTED')
  const sent = sampleOf(await scrape(storage), 'dmq_storage_heartbeats_total', { result: 'accepted' })!
  await until('heartbeats go on', async () => (await of('ACCEPTED')) > accepted)
  await until('and the storage node counts them too', async () => {
    const families = await scrape(storage)
    const now = sampleOf(families, 'dmq_storage_heartbeats_total', { result: 'accepted' })!
    return now > sent && sampleOf(families, 'dmq_storage_heartbeat_duration_seconds_count')! >= now
  })
})

test('a snapshot shows with its size, its duration and its age', async () => {
  const families = await until('a snapshot was taken', async () => {
    const now = await scrape(controller)
    if (sampleOf(now, 'dmq_snapshots_total', { result: 'taken' })! > 0) return now
    await createTopic(`for-a-snapshot-${performance.now()}`, 10)
    return null
  })
  assert.ok(sampleOf(families, 'dmq_snapshot_size_bytes')! > 0)
  assert.ok(sampleOf(families, 'dmq_snapshot_duration_seconds')! > 0)
  assert.ok(
    sampleOf(families, 'dmq_snapshot_age_seconds')! < sampleOf(families, 'process_start_time_seconds')!,
  )
})

test('whoever scrapes changes nothing, and no process ran into a bug', () => assertSound(cluster.all))
