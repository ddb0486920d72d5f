import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePieces } from '../../../src/base/piece-stream.ts'
import type { BrokerEvents } from '../../../src/broker/events.ts'
import { BrokerMeasures } from '../../../src/broker/measures.ts'
import type { MetadataClient } from '../../../src/broker/metadata-client.ts'
import { type ImageHead, MetadataCopy } from '../../../src/broker/metadata-copy.ts'
import { Pairing } from '../../../src/broker/pairing.ts'
import { Puller } from '../../../src/broker/puller.ts'
import { nodeClock } from '../../../src/io/node-clock.ts'
import { ChangeRing } from '../../../src/metadata/change-ring.ts'
import { type Command, encodeCommand } from '../../../src/metadata/command.ts'
import { writeImage } from '../../../src/metadata/snapshot.ts'
import { Machine, newTopic } from '../metadata/machine.ts'

/** A metadata node, as far as it is pulled from. */
class Source {
  readonly machine = new Machine()
  readonly url: string
  readonly asked: string[]
  clusterId = 'cluster A'
  recoveryEpoch = 0
  down = false
  ring = new ChangeRing(0)
  /** Of one answer. */
  commandsMax = Infinity
  cutAfter = Infinity

  constructor(url: string, asked: string[]) {
    this.url = url
    this.asked = asked
  }

  accept(...names: string[]): this {
    for (const name of names) {
      const intent = newTopic(name, [[1]])
      this.machine.accept(intent)
      const command = { time: this.machine.index * 1000, ...intent } as Command
      const { version } = this.machine.image
      this.ring.add({
        version,
        commandType: command.type,
        commandData: encodeCommand(command),
        topics: [],
        brokers: [],
      })
    }
    return this
  }

  get head(): ImageHead {
    const { version, stateHash } = this.machine.image
    return { clusterId: this.clusterId, recoveryEpoch: this.recoveryEpoch, version, stateHash }
  }

  changes(since: number, recoveryEpoch: number) {
    const all = recoveryEpoch === this.recoveryEpoch ? this.ring.since(since) : null
    if (all === null) return { ...this.head, fromVersion: since, snapshot: 'a link' }
    const commands = all.slice(0, this.commandsMax)
    if (commands.length === all.length) return { ...this.head, fromVersion: since, commands }
    const { stateHash: _, ...head } = this.head
    return { ...head, fromVersion: since, version: commands.at(-1)!.version, commands, more: true }
  }

  *stream(): Generator<Buffer> {
    let sent = 0
    for (const bytes of encodePieces(this.head, writeImage(this.machine.image)))
      if (sent++ < this.cutAfter) yield bytes
  }
}

class Pulled {
  readonly asked: string[] = []
  readonly sources = [1, 2, 3].map(id => new Source(`http://m${id}`, this.asked))
  readonly copy = new MetadataCopy()
  readonly told: string[] = []
  readonly measures = new BrokerMeasures()
  readonly puller: Puller

  constructor(paired = 1) {
    for (const { machine } of this.sources) machine.withBrokers(1)
    for (const source of this.sources) source.ring = new ChangeRing(source.machine.index)
    const nodes = this.sources.map(({ url }, i) => ({ id: i + 1, url }))
    const send = async ({ url }: { url: string }) => {
      const { source, query } = this.#at(url, 'changes')
      const since = Number(query.get('since'))
      const body = source.changes(since, Number(query.get('recoveryEpoch')))
      return { status: 200, headers: {}, body: JSON.parse(JSON.stringify(body)) }
    }
    const stream = (url: string) => this.#stream(url)
    this.puller = new Puller({
      client: { nodes, send, stream } as unknown as MetadataClient,
      copy: this.copy,
      pairing: new Pairing(nodes, 101, paired),
      clock: nodeClock,
      measures: this.measures,
      events: {
        metadata: ({ by }: { by: string }) => this.told.push(by),
        metadataRefused: ({ reason }: { reason: string }) => this.told.push(reason),
        diverged: ({ version }: { version: number }) => this.told.push(`diverged at ${version}`),
      } as unknown as BrokerEvents,
      changed: () => {},
      diverged: async () => void this.told.push('reported'),
    })
  }

  #at(text: string, what: string) {
    const url = new URL(text)
    const source = this.sources.find(each => each.url === url.origin)!
    this.asked.push(`${url.host} ${what}`)
    if (source.down) throw new Error('connect ECONNREFUSED')
    return { source, query: url.searchParams }
  }

  async *#stream(url: string): AsyncGenerator<Buffer> {
    const { source, query } = this.#at(url, `whole ${new URL(url).search}`.trim())
    assert.ok(source.machine.image.version >= Number(query.get('minVersion') ?? 0))
    yield* source.stream()
  }

  acceptEverywhere(...names: string[]): void {
    for (const source of this.sources) source.accept(...names)
  }

  /** What was asked since the last time. */
  take(): string[] {
    return this.asked.splice(0)
  }

  assertHas(source: Source): void {
    const { version, stateHash } = source.machine.image
    assert.deepEqual([this.copy.image.version, this.copy.image.stateHash], [version, stateHash])
  }
}

test('who has nothing reads everything, and from then on what changed', async () => {
  const pulled = new Pulled(2)
  pulled.acceptEverywhere('a', 'b')
  await pulled.puller.pull()
  assert.deepEqual(pulled.take(), ['m2 whole'])
  pulled.acceptEverywhere('c', 'd')
  await pulled.puller.pull()
  assert.deepEqual([pulled.take(), pulled.told], [['m2 changes'], ['snapshot', 'pull']])
  assert.deepEqual(pulled.measures.pulls, { delta: 1, snapshot: 1, failed: 0 })
  pulled.assertHas(pulled.sources[1]!)
})

test('changes that do not fit into one answer are asked for until all are here', async () => {
  const pulled = new Pulled()
  await pulled.puller.pull()
  pulled.acceptEverywhere('a', 'b', 'c', 'd', 'e')
  pulled.sources[0]!.commandsMax = 2
  pulled.take()
  await pulled.puller.pull()
  assert.deepEqual(pulled.take(), ['m1 changes', 'm1 changes', 'm1 changes'])
  pulled.assertHas(pulled.sources[0]!)
})

test('what is older than the ring, or of another recovery epoch, is read as a whole', async () => {
  const pulled = new Pulled()
  await pulled.puller.pull()
  pulled.acceptEverywhere('a', 'b')
  pulled.sources[0]!.ring = new ChangeRing(pulled.sources[0]!.machine.index)
  pulled.take()
  await pulled.puller.pull()
  assert.deepEqual(pulled.take(), ['m1 changes', 'm1 whole'])
  pulled.assertHas(pulled.sources[0]!)
  pulled.sources[0]!.recoveryEpoch = 1
  await pulled.puller.pull()
  assert.deepEqual(pulled.take(), ['m1 changes', 'm1 whole'])
  assert.equal(pulled.copy.head!.recoveryEpoch, 1)
})

test('where the pair does not answer the controller is asked, then the others, and it is told', async () => {
  const pulled = new Pulled(2)
  pulled.acceptEverywhere('a')
  pulled.copy.heardController({ id: 3, url: 'http://m3', term: 1 })
  for (const i of [1, 2]) pulled.sources[i]!.down = true
  await pulled.puller.pull()
  assert.deepEqual(pulled.take(), ['m2 whole', 'm3 whole', 'm1 whole'])
  assert.deepEqual(pulled.told, [
    'http://m2: connect ECONNREFUSED',
    'http://m3: connect ECONNREFUSED',
    'snapshot',
  ])
})

test('a node that has not what is known to be there is not the last to be asked', async () => {
  const pulled = new Pulled()
  await pulled.puller.pull()
  pulled.sources[1]!.accept('a')
  pulled.take()
  await pulled.puller.pull(pulled.sources[1]!.machine.image.version)
  assert.deepEqual(pulled.take(), ['m1 changes', 'm2 changes'])
  pulled.assertHas(pulled.sources[1]!)
})

test('a copy that is wrong is reported, and replaced by what the controller has', async () => {
  const pulled = new Pulled()
  pulled.acceptEverywhere('a')
  await pulled.puller.pull()
  pulled.copy.heardController({ id: 3, url: 'http://m3', term: 1 })
  const { image } = pulled.copy
  image.changeTopic({ ...image.topic('a')!, config: { 'retention.ms': '1' } })
  pulled.acceptEverywhere('b')
  const [version, told] = [pulled.sources[0]!.machine.image.version, pulled.told.length]
  pulled.take()
  await pulled.puller.pull()
  assert.deepEqual(pulled.take(), ['m1 changes', `m3 whole ?minVersion=${version}`])
  assert.deepEqual(pulled.told.slice(told), ['pull', `diverged at ${version}`, 'reported', 'snapshot'])
  pulled.assertHas(pulled.sources[2]!)
  assert.equal(pulled.puller.isWrong, false)
})

test('a wrong copy with a version that nobody has gives way to the version that there is', async () => {
  const pulled = new Pulled()
  pulled.acceptEverywhere('a')
  const ahead = new Machine().withBrokers(1)
  for (let i = 0; i < 9; i++) ahead.withTopic(`x${i}`, [[1]])
  const { version, stateHash } = ahead.image
  pulled.copy.install({ clusterId: 'cluster A', recoveryEpoch: 0, version, stateHash }, ahead.image)
  await pulled.puller.replace(pulled.sources[0]!.machine.image.version)
  pulled.assertHas(pulled.sources[0]!)
})

test('a wrong copy stays marked until somebody could be reached', async () => {
  const pulled = new Pulled()
  pulled.acceptEverywhere('a')
  await pulled.puller.pull()
  for (const source of pulled.sources) source.down = true
  await pulled.puller.replace(1)
  assert.equal(pulled.puller.isWrong, true)
  for (const source of pulled.sources) source.down = false
  await pulled.puller.pull()
  assert.equal(pulled.puller.isWrong, false)
})

test('a stream that is cut off changes nothing, and another node is asked', async () => {
  const pulled = new Pulled()
  pulled.acceptEverywhere('a')
  pulled.sources[0]!.cutAfter = 3
  await pulled.puller.pull()
  assert.deepEqual(pulled.take(), ['m1 whole', 'm2 whole'])
  assert.deepEqual(pulled.told, ['http://m1: it ends too early', 'snapshot'])
})

test('metadata of another cluster is not taken, and what to do is said', async () => {
  const pulled = new Pulled()
  pulled.acceptEverywhere('a')
  await pulled.puller.pull()
  pulled.acceptEverywhere('b')
  for (const source of pulled.sources) source.clusterId = 'cluster B'
  const before = pulled.copy.image.version
  await pulled.puller.pull()
  assert.equal(pulled.copy.image.version, before)
  assert.match(pulled.told.at(-1)!, /belongs to cluster cluster B, this node to cluster A\. Start this node/)
})

test('pulls that are asked for at once are one', async () => {
  const pulled = new Pulled()
  await Promise.all([pulled.puller.pull(), pulled.puller.pull(), pulled.puller.probe()])
  assert.deepEqual(pulled.take(), ['m1 whole'])
})
