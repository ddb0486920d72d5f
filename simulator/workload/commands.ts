import type { Broker } from '../../src/metadata/broker.ts'
import { type Command, encodeCommand } from '../../src/metadata/command.ts'
import type { Image } from '../../src/metadata/image.ts'
import type { Applied } from '../../src/metadata/metadata.ts'
import type { Topic } from '../../src/metadata/topic.ts'
import { violated } from '../invariants/violation.ts'
import type { TopicInput, TopicOutput, TopicState } from './register.ts'

/** The real commands behind the workload. Each carries the number of its operation, so that no two are the same bytes. */
export type Request = { readonly type: string; readonly data: Buffer }

/** Broker 1 stays online for ever and has a replica of everything: then creating a topic depends on nothing but its name. */
export const BROKERS = [1, 2, 3]

export function requestOf(
  input: Exclude<TopicInput, { kind: 'read' }>,
  operation: number,
  time: number,
): Request {
  return encode(commandOf(input, time), operation)
}

function commandOf(input: Exclude<TopicInput, { kind: 'read' }>, time: number): Command {
  const topicName = input.topic
  switch (input.kind) {
    case 'create':
      return {
        type: 'CreateTopicCommand',
        time,
        topicName,
        topicId: input.id,
        assignments: [
          [1, 2],
          [3, 1],
        ],
        config: { 'retention.ms': input.retention },
      }
    case 'set':
      return {
        type: 'UpdateTopicConfigCommand',
        time,
        topicName,
        config: { [input.key === 'retention' ? 'retention.ms' : 'segment.bytes']: input.value },
      }
    case 'delete':
      return { type: 'DeleteTopicCommand', time, topicName }
  }
}

export function registerBroker(brokerId: number, operation: number, time: number): Request {
  return encode(
    {
      type: 'RegisterBrokerCommand',
      time,
      brokerId,
      host: `broker-${brokerId}`,
      port: 9092,
      rack: null,
      resources: {},
      listeners: [],
      incarnationId: null,
      pairedMetadataServiceId: null,
      previousBrokerEpoch: null,
    },
    operation,
  )
}

/** A broker comes and goes: the partitions it shares change on every node, in a way that their hashes must agree on. */
export function flipBroker(image: Image, brokerId: number, operation: number, time: number): Request {
  const broker: Broker | undefined = image.broker(brokerId)
  const status = broker?.status === 'ONLINE' ? 'OFFLINE' : 'ONLINE'
  const brokerEpoch = broker?.brokerEpoch ?? 0
  return encode(
    { type: 'UpdateBrokerStatusCommand', time, brokerId, brokerEpoch, status, reason: 'simulated' },
    operation,
  )
}

function encode(command: Command, operation: number): Request {
  const data = Buffer.from(JSON.stringify({ ...JSON.parse(encodeCommand(command)), operation }))
  return { type: command.type, data }
}

/** The operation that an entry of the log stems from; null for those that no client wanted. */
export function operationOf(data: Uint8Array): number | null {
  if (data.length === 0) return null
  const body = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString()) as {
    operation?: number
  }
  return body.operation ?? null
}

/** What a client learns from the answer. */
export function outputOf(input: TopicInput, applied: Applied): TopicOutput {
  if ('rejected' in applied) {
    if (applied.rejected === 'TOPIC_ALREADY_EXISTS') return { existed: true, state: null }
    if (applied.rejected === 'UNKNOWN_TOPIC') return { existed: false, state: null }
    violated(
      'I20',
      `the workload asks for nothing that is rejected so: ${applied.rejected}, ${applied.message}`,
    )
  }
  for (const change of applied.changes) {
    if (change.kind === 'topicAdded' || change.kind === 'topicChanged' || change.kind === 'topicRemoved')
      return { existed: input.kind !== 'create', state: stateOf(change.topic) }
  }
  violated('I20', `${input.kind} of ${input.topic} changed nothing`)
}

export function stateOf(topic: Omit<Topic, 'rows'> | undefined): TopicState {
  if (topic === undefined) return null
  const { id, config } = topic
  return { id, retention: config['retention.ms'] ?? null, segment: config['segment.bytes'] ?? null }
}
