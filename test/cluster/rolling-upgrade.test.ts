import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Cluster, root, until } from './processes.ts'

/** The last commit that speaks Raft protocol 1 and writes logs of format 1. */
const OLD_RELEASE = 'd741f3d'

/** Unpacks an older release beside this one; null where the history does not reach back so far. */
function unpack(commit: string): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'dmq-old-'))
  try {
    const archive = execFileSync('git', ['archive', commit], {
      cwd: root,
      maxBuffer: 2 ** 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    execFileSync('tar', ['-x', '-C', folder], { input: archive })
  } catch {
    rmSync(folder, { recursive: true })
    return null
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

test('a quorum is upgraded node by node from the release before, while it serves', async t => {
  const old = unpack(OLD_RELEASE)
  if (old === null) return t.skip(`this clone has no commit ${OLD_RELEASE}`)
  t.after(() => rmSync(old, { recursive: true }))
  await using cluster = await Cluster.prepare({
    metadata: 3,
    storage: 0,
    args: ['--session-timeout-ms', '600000'],
  })
  for (const node of cluster.metadata) node.start(join(old, 'bin', 'dmq.mjs'))
  await cluster.ready()
  await cluster.write('POST', '/brokers', { brokerId: 7, host: 'localhost', port: 19_999 })
  let count = 0
  const write = async (): Promise<void> => {
    for (let i = 0; i < 5; i++, count++) {
      const answer = await cluster.write('POST', '/topics', { topicName: `t-${count}`, assignments: [[7]] })
      assert.equal(answer.status, 201, JSON.stringify(answer.body))
    }
  }
  await write()
  for (const [upgraded, node] of cluster.metadata.entries()) {
    await node.end('SIGTERM')
    node.start()
    await cluster.ready()
    await write()
    if (upgraded === 2) continue
    await until('the new release refuses what the old one could not read', async () => {
      const refused = await cluster
        .dmq('quorum', 'remove', '3')
        .catch((error: { stderr?: string }) => error.stderr ?? '')
      return /speaks Raft protocol 1|is not the controller|HTTP_404|no such endpoint/i.test(refused)
    })
  }
  for (const node of cluster.metadata) {
    const { body } = await cluster.readAt(node, '/topics?consistency=linearizable')
    assert.equal(body.topics.length, count)
  }
})
