import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../../../simulator/chance.ts'
import { type Fault, failOnce, MemoryDisk, outages } from '../log/memory-disk.ts'
import {
  assertRestored,
  batchOf,
  closeNode,
  contentOf,
  type DiskNode,
  describeContent,
  describeModel,
  entriesAfter,
  type Model,
  NOTHING,
  openNode,
  sameContent,
  takeSnapshot,
} from './disk-history.ts'
import { Script } from './disk-script.ts'

/**
 * Runs short lives of a node, log and snapshots together, and stops the machine at every moment at which its disk has
 * changed. From whatever a power failure could leave then, the node must come back with everything that was acknowledged
 * and nothing that was not there.
 *
 *     EXPLORE=2 OUTAGES=40 node --test test/unit/consensus/disk-crash.test.ts
 *
 * explores all lives of two acts behind the first snapshot, not of one; of longer ones, a sample by seed.
 */
const DEPTH = Number(process.env.EXPLORE ?? 1)
const OUTAGES_MAX = Number(process.env.OUTAGES ?? 12)

type Moment = { readonly allowed: readonly Model[]; readonly disk: MemoryDisk; readonly when: string }

/** The disk at every moment of a life, and what may be found then. */
async function momentsOf({ steps }: Script): Promise<Moment[]> {
  const disk = new MemoryDisk()
  const moments: Moment[] = []
  let allowed: readonly Model[] = [NOTHING]
  let when = 'opening'
  disk.changed = () => moments.push({ allowed, when, disk: disk.killed() })
  const node = await openNode(disk)
  let before = NOTHING
  for (const { name, run, after } of steps) {
    when = name
    allowed = [before, after]
    await run(node)
    before = after
    allowed = [after]
    when = `after ${name}`
    disk.changed()
  }
  await closeNode(node)
  return moments
}

async function reopen(disk: MemoryDisk, allowed: readonly Model[], when: string) {
  const node = await openNode(disk).catch(error => assert.fail(`${when}: ${error.stack}`))
  const found = contentOf(node)
  const model = allowed.find(one => sameContent(found, one))
  const expected = allowed.map(describeModel).join('\n or ')
  assert.ok(model !== undefined, `${when}: found ${describeContent(found)}, not\n    ${expected}`)
  assert.deepEqual(node.damaged, [], when)
  assertRestored(node, model)
  return { node, model }
}

class Explorer {
  readonly #random = seeded(1)
  outages = 0
  reopened = 0

  async explore(script: Script): Promise<void> {
    const moments = await momentsOf(script)
    for (const [number, { allowed, disk, when }] of moments.entries()) {
      const where = `moment ${number}, ${when}`
      for (const left of outages(disk, OUTAGES_MAX, this.#random)) {
        const name = `${where}, outage ${this.outages++}`
        if (this.outages % 8 === 0) await this.#failWhileRestoring(left.killed(), allowed, name)
        const { node, model } = await this.#reopen(left, allowed, name)
        if (this.outages % 8 === 0) await this.#goOn(node, model, name)
        await closeNode(node)
      }
      await this.#failWhileRestoring(disk.killed(), allowed, `${where}, killed`)
      const { node, model } = await this.#reopen(disk.killed(), allowed, `${where}, killed`)
      await this.#goOn(node, model, `${where}, killed`)
      await closeNode(node)
    }
  }

  #reopen(disk: MemoryDisk, allowed: readonly Model[], when: string) {
    this.reopened += 1
    return reopen(disk, allowed, when)
  }

  /** The power fails once more while the node comes back, or is killed then. */
  async #failWhileRestoring(disk: MemoryDisk, allowed: readonly Model[], when: string): Promise<void> {
    const moments: MemoryDisk[] = []
    disk.changed = () => moments.push(disk.killed())
    const { node, model } = await this.#reopen(disk, allowed, when)
    await closeNode(node)
    const last = moments.length - 1
    for (const [i, moment] of moments.entries()) {
      for (const left of outages(moment, 4, this.#random)) {
        // What it has shown, it has for good.
        const { node } = await this.#reopen(left, i === last ? [model] : allowed, `${when}, again`)
        await closeNode(node)
      }
    }
  }

  /** What the node came back with is relied upon: it stays, and goes on, through the next failure. */
  async #goOn(node: DiskNode, model: Model, when: string): Promise<void> {
    await this.#survives(node, [model], `${when}, then the power failed`)
    const hard = { term: 90, votedFor: 1, commit: model.entries.length, clusterId: 'c' }
    const added = entriesAfter(model, 90, 2, 900)
    const more = { entries: [...model.entries, ...added], hard }
    await node.log.append(batchOf(added, hard))
    await this.#survives(node, [more], `${when}, appended`)
    if (model.entries.length === 0) return
    await takeSnapshot(node.store, more.entries, more.entries.length)
    await this.#survives(node, [more], `${when}, took a snapshot`)
    const base = node.restored.snapshots.at(-1)?.id.index ?? 0
    await node.log.dropBefore(base + 1)
    await this.#survives(node, [more], `${when}, dropped before ${base + 1}`)
  }

  async #survives({ disk }: DiskNode, allowed: readonly Model[], when: string): Promise<void> {
    // A copy: the next segment is being prepared meanwhile.
    for (const left of outages(disk.killed(), 3, this.#random))
      await closeNode((await this.#reopen(left, allowed, when)).node)
  }

  toString(): string {
    return `${this.outages} outages, ${this.reopened} starts`
  }
}

/** The acts of which lives are made. */
const ACTS: Record<string, (script: Script) => void> = {
  append: script => script.append(2, 60),
  'append much': script => script.append(2, 1500),
  'append in several frames': script => script.append(3, 1300),
  commit: script => script.commit(),
  vote: script => script.vote(),
  replace: script => script.replace(1, 700),
  'replace in several frames': script => script.replace(3, 1300),
  take: script => {
    script.commit()
    script.take()
  },
  'receive half': script => script.receiveHalf(3),
  'install ahead': script => script.install(script.last + 4),
  'install ahead, with what follows': script => script.install(script.last + 4, 3, 1300),
  'install in place of the end': script => script.install(script.commitIndex + 1, 1, 700),
  'install within': script => script.installWithin(script.commitIndex + 1),
}

function* lives(depth: number): Generator<string[]> {
  if (depth === 0) return yield []
  for (const life of lives(depth - 1)) for (const act of Object.keys(ACTS)) yield [...life, act]
}

const LIVES: Record<string, string[]> = {
  'snapshots one after the other': ['append much', 'take', 'append much', 'take', 'append much', 'take'],
  'frames of one batch in several segments, dropped': [
    'append in several frames',
    'append in several frames',
    'take',
    'append in several frames',
    'take',
    'append in several frames',
    'take',
  ],
  'one install after the other': ['append', 'install ahead', 'append much', 'install ahead', 'append'],
  'an install, then snapshots': ['install ahead, with what follows', 'take', 'append much', 'take', 'take'],
  'an install that replaces what is there': ['append much', 'install in place of the end', 'append', 'take'],
  'an install that keeps what is there': [
    'append much',
    'append',
    'install within',
    'install within',
    'take',
  ],
  'a transfer that another one replaces': ['append', 'receive half', 'install ahead', 'receive half', 'take'],
  'replaced entries, dropped': [
    'append much',
    'replace in several frames',
    'replace in several frames',
    'take',
    'replace in several frames',
    'take',
    'append',
  ],
}

function scriptOf(acts: readonly string[]): Script {
  const script = new Script()
  for (const act of acts) ACTS[act]!(script)
  return script
}

for (const [name, acts] of Object.entries(LIVES)) {
  test(`power fails or the process is killed at any moment: ${name}`, async t => {
    const explorer = new Explorer()
    await explorer.explore(scriptOf(acts))
    t.diagnostic(`${explorer}`)
  })
}

test(`power fails or the process is killed at any moment: every life of ${DEPTH} acts behind a snapshot`, async t => {
  const explorer = new Explorer()
  let count = 0
  for (const acts of lives(DEPTH)) {
    const all = ['append much', 'take', ...acts]
    await explorer.explore(scriptOf(all)).catch(error => {
      throw new Error(all.join(', '), { cause: error })
    })
    count += 1
  }
  t.diagnostic(`${count} lives, ${explorer}`)
})

test('power fails or the process is killed at any moment: a random life (SEED=n runs one)', async t => {
  const seeds = process.env.SEED === undefined ? [1, 2, 3, 4] : [Number(process.env.SEED)]
  for (const seed of seeds) {
    const random = seeded(seed)
    const names = Object.keys(ACTS)
    const acts = Array.from({ length: 6 }, () => names[Math.floor(random() * names.length)]!)
    const explorer = new Explorer()
    await explorer.explore(scriptOf(acts)).catch(error => {
      throw new Error(`SEED=${seed}: ${acts.join(', ')}`, { cause: error })
    })
    t.diagnostic(`seed ${seed}: ${explorer}`)
  }
})

test('a write, sync, rename or removal fails at any point, the process starts again, then the power fails', async t => {
  let failures = 0
  for (const acts of Object.values(LIVES)) {
    for (const kind of ['create', 'write', 'sync', 'rename', 'remove', 'syncFolder']) {
      for (let nth = 1; ; nth++) {
        let fired = false
        const fault = failOnce(kind, nth)
        const watched: Fault = operation => {
          try {
            fault(operation)
          } catch (error) {
            fired = true
            // What a failing write has written ends with a sector.
            const written = nth % 3 === 0 ? 1024 - ((operation.position ?? 0) % 512) : 0
            throw Object.assign(error as Error, { written })
          }
        }
        await runFailing(scriptOf(acts), watched, `${acts}: ${kind} ${nth}`)
        if (!fired) break
        failures += 1
      }
    }
  }
  t.diagnostic(`${failures} failures`)
})

/** Runs until an operation fails, if one does; then a new process takes over and goes on to the end. */
async function runFailing({ steps, model }: Script, fault: Fault, when: string): Promise<void> {
  const disk = new MemoryDisk()
  disk.fault = fault
  let allowed: readonly Model[] = [NOTHING]
  let done = 0
  let failed = false
  try {
    const node = await openNode(disk)
    for (const { run, after } of steps) {
      allowed = [allowed.at(-1)!, after]
      await run(node)
      allowed = [after]
      done += 1
    }
  } catch (error) {
    failed = (error as NodeJS.ErrnoException).code === 'EIO'
    assert.ok(failed, `${when}: ${(error as Error).stack}`)
  }
  const { node, model: found } = await reopen(disk.killed(), allowed, when)
  for (const left of outages(node.disk.killed(), 6, seeded(3)))
    await closeNode((await reopen(left, [found], `${when}, then the power failed`)).node)
  const next = failed && found === steps[done]?.after && found !== allowed[0] ? done + 1 : done
  for (const { run } of steps.slice(next)) await run(node)
  for (const left of outages(node.disk.killed(), 6, seeded(4)))
    await closeNode((await reopen(left, [model], `${when}, gone on, then the power failed`)).node)
  await closeNode(node)
}
