import assert from 'node:assert/strict'
import type { ErrorCode } from '../../../src/base/errors.ts'
import type { Change } from '../../../src/metadata/change.ts'
import { type Command, decodeCommand, encodeCommand } from '../../../src/metadata/command.ts'
import type { Rejection } from '../../../src/metadata/decision.ts'
import { Image } from '../../../src/metadata/image.ts'
import { type Applied, apply } from '../../../src/metadata/metadata.ts'
import { type ImageView, type PartitionView, renderImage, renderTopic } from '../../../src/metadata/render.ts'
import type { ReassignmentCause } from '../../../src/metadata/replication.ts'

/** A command whose time may be left to the machine. */
export type Intent = Command extends infer C
  ? C extends Command
    ? Omit<C, 'time'> & { readonly time?: number }
    : never
  : never

/** An image with the log that leads to it: every command takes the next index and goes through its encoded form. */
export class Machine {
  readonly image: Image
  #index: number

  constructor(image = new Image()) {
    this.image = image
    this.#index = image.version
  }

  get index(): number {
    return this.#index
  }

  apply(intent: Intent): Applied {
    this.#index += 1
    return this.applyAt(overTheWire({ time: this.#index * 1000, ...intent } as Command), this.#index)
  }

  protected applyAt(command: Command, index: number): Applied {
    return apply(this.image, command, index)
  }

  /** Applies a command that must change something. */
  accept(intent: Intent): readonly Change[] {
    const applied = this.apply(intent)
    assert('changes' in applied && applied.changes.length > 0, `not accepted: ${JSON.stringify(applied)}`)
    assert.equal(this.image.version, this.#index)
    return applied.changes
  }

  /** Applies a command that must be rejected with this code, and must leave everything as it was. */
  refuse(intent: Intent, code: ErrorCode): Rejection {
    const before = renderImage(this.image)
    const applied = this.apply(intent)
    assert('rejected' in applied, `not rejected: ${JSON.stringify(intent)}`)
    assert.equal(applied.rejected, code, applied.message)
    assert.deepEqual(renderImage(this.image), before)
    return applied
  }

  /** Applies a command that asks for what is so already. */
  ignore(intent: Intent): void {
    const before = renderImage(this.image)
    assert.deepEqual(this.apply(intent), { changes: [] })
    assert.deepEqual(renderImage(this.image), before)
  }

  /** Brokers that are ONLINE from the start, without an incarnation. */
  withBrokers(...brokerIds: number[]): this {
    for (const brokerId of brokerIds) this.accept(plainBroker(brokerId))
    return this
  }

  withTopic(
    topicName: string,
    assignments: readonly (readonly number[])[],
    config: Readonly<Record<string, string>> = {},
  ): this {
    this.accept(newTopic(topicName, assignments, config))
    return this
  }

  setStatus(brokerId: number, status: 'ONLINE' | 'OFFLINE' | 'SHUTTING_DOWN'): readonly Change[] {
    return this.accept(this.status(brokerId, status))
  }

  status(brokerId: number, status: 'ONLINE' | 'OFFLINE' | 'SHUTTING_DOWN'): Intent {
    const { brokerEpoch } = this.image.broker(brokerId)!
    return { type: 'UpdateBrokerStatusCommand', brokerId, brokerEpoch, status, reason: 'told so by a test' }
  }

  /** The leader has seen that these are in sync, and nobody else. */
  inSync(topicName: string, brokerIds: readonly number[], id = 0): Intent {
    const { leader, leaderEpoch, partitionEpoch } = this.partition(topicName, id)
    const epochOf = (brokerId: number): number => this.image.broker(brokerId)?.brokerEpoch ?? 0
    const newIsr = brokerIds.map(brokerId => ({ brokerId, brokerEpoch: epochOf(brokerId) }))
    const change = { topic: topicName, partition: id, leaderEpoch, partitionEpoch, newIsr }
    return {
      type: 'UpdateISRCommand',
      brokerId: leader ?? -1,
      brokerEpoch: epochOf(leader ?? -1),
      changes: [change],
    }
  }

  partition(topicName: string, id = 0): PartitionView {
    return renderTopic(this.image, this.image.topic(topicName)!).partitions[id]!
  }

  /** What elections decide about a partition, short enough for a table. */
  led(topicName: string, id = 0): Led {
    const { leader, isr, elr, lastKnownLeader } = this.partition(topicName, id)
    return { leader, isr, elr, last: lastKnownLeader }
  }
}

export type Led = { leader: number | null; isr: number[]; elr: number[]; last: number | null }

export function overTheWire(command: Command): Command {
  return decodeCommand(command.type, encodeCommand(command))!
}

/** The image as another node would read it. */
export function viewOf(image: Image): ImageView {
  return JSON.parse(JSON.stringify(renderImage(image)))
}

export function plainBroker(brokerId: number, changed: Partial<Registration> = {}): Registration {
  return {
    type: 'RegisterBrokerCommand',
    brokerId,
    host: 'localhost',
    port: 9000 + brokerId,
    rack: null,
    resources: {},
    listeners: [],
    incarnationId: null,
    pairedMetadataServiceId: null,
    previousBrokerEpoch: null,
    ...changed,
  }
}

/** A process with an incarnation; `previousBrokerEpoch` proves that the one before it stopped cleanly. */
export function brokerProcess(
  brokerId: number,
  incarnationId: string,
  previousBrokerEpoch: number | null = null,
): Registration {
  return plainBroker(brokerId, { incarnationId, previousBrokerEpoch })
}

type Registration = Extract<Intent, { type: 'RegisterBrokerCommand' }>

export function newTopic(
  topicName: string,
  assignments: readonly (readonly number[])[],
  config: Readonly<Record<string, string>> = {},
): Extract<Intent, { type: 'CreateTopicCommand' }> {
  return { type: 'CreateTopicCommand', topicName, topicId: `id of ${topicName}`, assignments, config }
}

export function raised(level: number): Extract<Intent, { type: 'UpdateFeaturesCommand' }> {
  return { type: 'UpdateFeaturesCommand', levels: { 'metadata.version': level } }
}

/** `replicas` are where partition 0 is to be; null cancels the move under way. */
export function moved(
  topic: string,
  replicas: readonly number[] | null,
  cause: ReassignmentCause = 'MANUAL',
): Extract<Intent, { type: 'AlterReplicasCommand' }> {
  return { type: 'AlterReplicasCommand', cause, changes: [{ topic, partition: 0, replicas }] }
}

export function drained(brokerId: number, mode: 'DRAIN' | 'DECOMMISSION' | null = 'DRAIN'): Intent {
  return { type: 'DrainBrokerCommand', brokerId, mode }
}

/** The code of each result; null where the part was taken. */
export function resultsOf(applied: Applied): (string | null)[] {
  assert('changes' in applied && applied.results !== undefined, JSON.stringify(applied))
  return applied.results.map(result => result?.rejected ?? null)
}
