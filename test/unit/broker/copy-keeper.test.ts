import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CopyFile } from '../../../src/broker/copy-file.ts'
import { CopyKeeper } from '../../../src/broker/copy-keeper.ts'
import type { BrokerEvents } from '../../../src/broker/events.ts'
import { type ImageHead, MetadataCopy } from '../../../src/broker/metadata-copy.ts'
import { FakeClock } from '../consensus/fake-clock.ts'
import { Machine, viewOf } from '../metadata/machine.ts'

/** A keeper over a file that notes what it is given, takes as long as it is told, and fails when told. */
class Kept {
  readonly clock = new FakeClock()
  readonly copy = new MetadataCopy()
  readonly machine = new Machine().withBrokers(1)
  readonly saved: { at: number; version: number }[] = []
  readonly told: string[] = []
  saveMs = 0
  fails = false
  readonly keeper: CopyKeeper

  constructor() {
    const save = async ({ version }: ImageHead): Promise<void> => {
      if (this.saveMs > 0) await new Promise<void>(resolve => this.clock.timer(this.saveMs, resolve))
      if (this.fails) throw new Error('no space left')
      this.saved.push({ at: this.clock.now, version })
    }
    const events = { copyNotSaved: ({ reason }: { reason: string }) => this.told.push(reason) }
    this.keeper = new CopyKeeper({
      copy: this.copy,
      file: { path: '/data/copy', save } as unknown as CopyFile,
      clock: this.clock,
      events: events as unknown as BrokerEvents,
    })
  }

  change(): void {
    this.machine.withTopic(`topic-${this.machine.index}`, [[1]])
    this.copy.applySnapshot('cluster A', 0, viewOf(this.machine.image))
    this.keeper.changed()
  }
}

test('changes are written together, at most every two seconds', async () => {
  const kept = new Kept()
  for (let i = 0; i < 50; i++) {
    kept.change()
    await kept.clock.pass(100)
  }
  await kept.clock.pass(10_000)
  assert.deepEqual(
    kept.saved.map(({ at }) => at),
    [2_000, 4_000, 6_000],
  )
  assert.equal(kept.saved.at(-1)!.version, kept.copy.image.version)
  assert.equal(kept.keeper.savedVersion, kept.copy.image.version)
  assert.equal(kept.clock.timers, 0, 'nothing is due')
})

test('a large copy rests between two writes for twenty times what one took', async () => {
  const kept = new Kept()
  kept.saveMs = 500
  kept.change()
  await kept.clock.pass(2_500)
  kept.change()
  await kept.clock.pass(9_999 + 500)
  assert.equal(kept.saved.length, 1)
  await kept.clock.pass(1_001)
  assert.equal(kept.saved.length, 2)
})

test('a clean stop writes what is not written yet, and nothing twice', async () => {
  const kept = new Kept()
  await kept.keeper.stop()
  assert.deepEqual(kept.saved, [])
  const changed = new Kept()
  changed.change()
  await changed.keeper.stop()
  await changed.clock.pass(10_000)
  assert.deepEqual(changed.saved, [{ at: 0, version: changed.copy.image.version }])
  const again = new Kept()
  again.change()
  await again.clock.pass(2_000)
  await again.keeper.stop()
  assert.equal(again.saved.length, 1)
})

test('a stop while it writes waits for that, and writes what came meanwhile', async () => {
  const kept = new Kept()
  kept.saveMs = 500
  kept.change()
  await kept.clock.pass(2_100)
  kept.change()
  const stopped = kept.keeper.stop()
  await kept.clock.pass(1_000)
  await stopped
  assert.deepEqual(
    kept.saved.map(({ version }) => version),
    [kept.copy.image.version - 1, kept.copy.image.version],
  )
})

test('a write that fails is told, and tried again', async () => {
  const kept = new Kept()
  kept.fails = true
  kept.change()
  await kept.clock.pass(2_000)
  assert.deepEqual(kept.told, ['/data/copy: no space left'])
  assert.equal(kept.keeper.savedVersion, null)
  kept.fails = false
  await kept.clock.pass(2_000)
  assert.equal(kept.keeper.savedVersion, kept.copy.image.version)
})
