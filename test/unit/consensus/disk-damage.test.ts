import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DamagedLog } from '../../../src/log/log.ts'
import { MemoryDisk } from '../log/memory-disk.ts'
import {
  assertRestored,
  closeNode,
  contentOf,
  type DiskNode,
  describeContent,
  LOG,
  openNode,
  SNAPSHOTS,
  sameContent,
} from './disk-history.ts'
import { Script } from './disk-script.ts'

/**
 * A failing disk changes a sector of what a node keeps. The node starts only where the tables of `recovery.ts` and
 * `restore.ts` say so, and then with nothing changed; else it names the file. Every bit instead of a few of each sector:
 *
 *     EXPLORE=1 node --test test/unit/consensus/disk-damage.test.ts
 */
const SECTOR = 512

type Damage = { readonly name: string; readonly change: (sector: Buffer) => void; readonly zeroes?: true }

const bits = process.env.EXPLORE === undefined ? [0, 27, 1000, 2049, 4095] : [...Array(SECTOR * 8).keys()]
const DAMAGES: Damage[] = [
  { name: 'zeroed', change: sector => sector.fill(0), zeroes: true },
  { name: 'inverted', change: sector => sector.set(sector.map(byte => byte ^ 0xff)) },
  { name: 'overwritten', change: sector => sector.fill('something else') },
  ...bits.map(bit => ({
    name: `with bit ${bit} flipped`,
    change: (sector: Buffer) => {
      const at = bit >> 3
      if (at < sector.length) sector[at]! ^= 1 << (bit & 7)
    },
  })),
]

const LIVES: Record<string, (script: Script) => void> = {
  'a log alone': script => {
    script.append(3, 1300)
    script.commit()
    script.append(2, 700)
    script.vote()
  },
  'two snapshots of its own': script => {
    for (let i = 0; i < 3; i++) {
      script.append(2, 1500)
      script.commit()
      script.take()
    }
    script.append(1, 900)
  },
  'a snapshot of its own, the log from the beginning': script => {
    script.append(2, 1500)
    script.commit()
    script.take()
    script.append(2, 300)
  },
  'an installed snapshot': script => {
    script.append(2, 1500)
    script.install(9, 3, 1300)
  },
  'an installed snapshot, and one of its own': script => {
    script.append(2, 1500)
    script.install(7, 2, 100)
    script.commit()
    script.take()
    script.append(1, 64)
  },
  'an installed snapshot in the midst of the log': script => {
    script.append(4, 900)
    script.installWithin(3)
    script.append(2, 64)
  },
}

async function written({ steps }: Script): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  const node = await openNode(disk)
  for (const { run } of steps) await run(node)
  await closeNode(node)
  return disk
}

class Bench {
  readonly #script: Script
  readonly #disk: MemoryDisk
  readonly counts = { refused: 0, 'older snapshot used': 0, 'last frame cut': 0, harmless: 0 }

  constructor(script: Script, disk: MemoryDisk) {
    this.#script = script
    this.#disk = disk
  }

  async all(): Promise<void> {
    for (const path of pathsIn(this.#disk, LOG, '.log')) await this.#eachSector(path)
    for (const path of pathsIn(this.#disk, SNAPSHOTS, '')) await this.#eachSector(path)
  }

  async #eachSector(path: string): Promise<void> {
    const before = this.#disk.readFile(path)
    for (let start = 0; start < before.length; start += SECTOR) {
      for (const damage of DAMAGES) {
        const disk = this.#disk.killed()
        disk.damage(path, bytes => damage.change(bytes.subarray(start, start + SECTOR)))
        const changed = !disk.readFile(path).equals(before)
        const when = `${path}, sector at ${start} ${damage.name}`
        const node = await openNode(disk).catch(error => this.#refused(error, path, changed, when))
        if (node === null) continue
        if (path.startsWith(LOG)) this.#openedLog(node, { path, start, damage, when })
        else this.#openedSnapshots(node, path, changed, when)
        await closeNode(node)
      }
    }
  }

  /** It says where the damage is, and what to do. */
  #refused(error: Error, path: string, changed: boolean, when: string): null {
    assert.ok(error instanceof DamagedLog, `${when}: ${error.stack}`)
    assert.ok(changed, `${when}: refused without damage: ${error.message}`)
    assert.match(error.message, /Restore this data directory|Start the release/, when)
    const lastFrameLost = /log ends with entry \d+/.test(error.message)
    const named = lastFrameLost || error.message.includes(path) || error.message.includes(`${LOG}/`)
    assert.ok(named, `${when}: ${error.message}`)
    if (path.startsWith(LOG) && !lastFrameLost) assert.match(error.message, /offset \d+|log format \d+/, when)
    this.counts.refused += 1
    return null
  }

  /** Only what lies behind the last frame is nobody's; and only zeros in the last frame look like an unfinished write. */
  #openedLog(node: DiskNode, { path, start, damage, when }: Sector): void {
    const { steps, model } = this.#script
    const found = contentOf(node)
    const newest = path === pathsIn(this.#disk, LOG, '.log').at(-1)
    const before = this.#disk.readFile(path)
    const after = Buffer.from(before)
    damage.change(after.subarray(start, start + SECTOR))
    const frames = framesIn(before)
    const end = frames.at(-1)?.end ?? 4096
    if (after.subarray(0, end).equals(before.subarray(0, end))) {
      assert.ok(newest || after.equals(before), `${when}: damage passed unseen`)
      assert.ok(sameContent(found, model), `${when}: opened with ${describeContent(found)}`)
      assertRestored(node, model)
      this.counts.harmless += 1
      return
    }
    const hitsLast = newest && frames.at(-1)!.start < start + SECTOR && end > start
    assert.ok(damage.zeroes && hitsLast, `${when}: opened with ${describeContent(found)}`)
    const earlier = steps.slice(0, -1).findLast(step => sameContent(found, step.after))
    assert.ok(earlier !== undefined, `${when}: opened with ${describeContent(found)}`)
    assertRestored(node, earlier.after)
    this.counts['last frame cut'] += 1
  }

  #openedSnapshots(node: DiskNode, path: string, changed: boolean, when: string): void {
    const { model } = this.#script
    const found = contentOf(node)
    assert.ok(sameContent(found, model), `${when}: opened with ${describeContent(found)}`)
    const newest = pathsIn(this.#disk, SNAPSHOTS, '').at(-1)
    if (changed && path === newest) {
      assert.match(node.damaged.join(), new RegExp(path.replaceAll('.', '\\.')), `${when}: not told`)
      assert.ok(
        node.restored.snapshots.every(({ id }) => !path.includes(`/${String(id.index).padStart(16, '0')}`)),
      )
      assertRestored(node, model)
      this.counts['older snapshot used'] += 1
    } else {
      this.counts.harmless += 1
    }
  }
}

type Sector = { path: string; start: number; damage: Damage; when: string }

function pathsIn(disk: MemoryDisk, folder: string, suffix: string): string[] {
  return disk
    .list(folder)
    .filter(name => name.endsWith(suffix))
    .map(name => `${folder}/${name}`)
}

/** Where the frames of a segment lie, told by their lengths alone. */
function framesIn(segment: Buffer): { start: number; end: number }[] {
  const frames: { start: number; end: number }[] = []
  for (let start = 4096; start + 4 <= segment.length; ) {
    const bytes = segment.readUInt32LE(start)
    if (bytes === 0) break
    frames.push({ start, end: start + bytes })
    start += bytes
  }
  return frames
}

for (const [name, live] of Object.entries(LIVES)) {
  test(`a damaged sector never passes unseen: ${name}`, async t => {
    const script = new Script()
    live(script)
    const disk = await written(script)
    const bench = new Bench(script, disk)
    await bench.all()
    t.diagnostic(JSON.stringify(bench.counts))
    assert.ok(bench.counts.refused > 0)
  })
}
