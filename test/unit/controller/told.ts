import assert from 'node:assert/strict'
import { explainBroker } from '../../../src/controller/explain/explain-broker.ts'
import { explainPartition } from '../../../src/controller/explain/explain-partition.ts'
import type { Finding } from '../../../src/controller/explain/finding.ts'
import type { Lateness } from '../../../src/controller/lateness.ts'
import { Replica } from '../../../src/controller/replica.ts'
import { type Command, encodeCommand } from '../../../src/metadata/command.ts'
import type { Applied } from '../../../src/metadata/metadata.ts'
import { FakeClock } from '../consensus/fake-clock.ts'
import { type Intent, Machine } from '../metadata/machine.ts'

/** A machine that keeps the history of what it applies, and can explain its state from it. */
export class Told extends Machine {
  readonly replica: Replica

  constructor(replica = new Replica(new FakeClock())) {
    super(replica.image)
    this.replica = replica
  }

  protected override applyAt(command: Command, index: number): Applied {
    return this.replica.apply(index, command.type, Buffer.from(encodeCommand(command)))
  }

  get texts(): string[] {
    return this.replica.history.entries.map(({ text }) => text)
  }

  /** The leader sets the ISR of a partition; members come with the epochs that they have. */
  setIsr(topic: string, members: readonly number[], partition = 0): void {
    const { leader, leaderEpoch, partitionEpoch } = this.partition(topic, partition)
    const epochOf = (brokerId: number): number => this.image.broker(brokerId)!.brokerEpoch
    const newIsr = members.map(brokerId => ({ brokerId, brokerEpoch: epochOf(brokerId) }))
    this.accept({
      type: 'UpdateISRCommand',
      brokerId: leader!,
      brokerEpoch: epochOf(leader!),
      changes: [{ topic, partition, leaderEpoch, partitionEpoch, newIsr }],
    })
  }

  /** Returns the version at which it went. */
  lose(brokerId: number, reason = 'no heartbeat for 6000 ms'): number {
    this.accept({ ...this.status(brokerId, 'OFFLINE'), reason, by: 'session timeout' } as Intent)
    return this.index
  }

  explained(topicName: string, id = 0): readonly Finding[] {
    const topic = this.image.topic(topicName)!
    return explainPartition(this.image, this.replica.history, {
      topic,
      partition: this.image.partition(topic.rows[id]!),
    })
  }

  /** The one thing that is to be said of the partition. */
  theFinding(topicName: string, id = 0): Finding {
    const findings = this.explained(topicName, id)
    assert.equal(findings.length, 1, JSON.stringify(findings, null, 2))
    return findings[0]!
  }

  explainedBroker(brokerId: number, lateness: Lateness | null = null): readonly Finding[] {
    return explainBroker(this.image, this.replica.history, this.image.broker(brokerId)!, { lateness })
  }
}

/** A finding as a list of lines, each with its version; causes further to the right. */
export function lines(finding: Finding, depth = 0): string[] {
  const version = finding.version === undefined ? '' : ` @${finding.version}`
  return [
    `${'  '.repeat(depth)}${finding.what}${version}`,
    ...finding.because.flatMap(cause => lines(cause, depth + 1)),
  ]
}
