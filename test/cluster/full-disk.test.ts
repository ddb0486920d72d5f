import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask, Cluster, until } from './processes.ts'

const MIB = 1024 * 1024
const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const root = isRoot ? {} : { skip: 'mounting a small disk takes root on Linux' }

/** A disk of its own for a folder; null where this is not allowed (a container without the right to mount). */
function mountSmallDisk(folder: string, bytes: number): Disposable | null {
  mkdirSync(folder)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return null
  }
  return { [Symbol.dispose]: () => void execFileSync('umount', ['-l', folder]) }
}

test(
  'a disk that fills up refuses writes before it is full, reads go on, and with room it takes them again',
  root,
  async t => {
    const args = ['--min-free-bytes', String(30 * MIB), '--session-timeout-ms', '600000']
    await using cluster = await Cluster.prepare({ metadata: 1, storage: 0, args })
    const node = cluster.metadata[0]!
    using disk = mountSmallDisk(node.folder, 100 * MIB)
    if (disk === null) return t.skip('this machine does not allow a mount')
    node.start()
    await cluster.ready()
    await cluster.write('POST', '/brokers', { brokerId: 7, host: 'localhost', port: 19_999 })
    const create = (topicName: string) =>
      ask('POST', `${node.url}/api/v1/metadata/topics`, { topicName, assignments: [[7]] })
    assert.equal((await create('before')).status, 201)

    writeFileSync(join(node.folder, 'something-else'), Buffer.alloc(60 * MIB))
    // The disk is looked at once a second: what is created until then goes through, each under a name of its own.
    let attempts = 0
    const refused = await until('writes are refused', async () => {
      const answer = await create(`attempt-${++attempts}`)
      return answer.status === 503 ? answer : null
    })
    assert.equal(refused.body.error.code, 'STORAGE_FULL')
    assert.match(refused.body.error.message, /\d+ bytes left, of which 31457280 are its reserve; make room/)
    assert.equal((await cluster.readAt(node, '/topics/before?consistency=linearizable')).status, 200)
    assert.equal((await cluster.readAt(node, `/topics/attempt-${attempts}`)).status, 404)

    rmSync(join(node.folder, 'something-else'))
    await until('writes are taken again', async () => (await create('after')).status === 201)
    await node.end('SIGKILL')
  },
)
