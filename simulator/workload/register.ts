import type { Model } from '../linearizability.ts'

/** A topic as clients see it: none, or its id and two config values. Behaves like a small record under one key. */
export type TopicState = {
  readonly id: string
  readonly retention: string | null
  readonly segment: string | null
} | null

export type TopicInput =
  | { readonly kind: 'create'; readonly topic: string; readonly id: string; readonly retention: string }
  | {
      readonly kind: 'set'
      readonly topic: string
      readonly key: 'retention' | 'segment'
      readonly value: string
    }
  | { readonly kind: 'delete'; readonly topic: string }
  | { readonly kind: 'read'; readonly topic: string }

/**
 * What the answer tells: whether the topic was there, and its state: for a delete the one that was removed, for all
 * others the one behind the operation.
 */
export type TopicOutput = { readonly existed: boolean; readonly state: TopicState }

/** What a single copy does and answers. */
export function perform(before: TopicState, input: TopicInput): { state: TopicState; output: TopicOutput } {
  const existed = before !== null
  const unchanged = { state: before, output: { existed, state: input.kind === 'read' ? before : null } }
  switch (input.kind) {
    case 'create': {
      if (existed) return unchanged
      const state = { id: input.id, retention: input.retention, segment: null }
      return { state, output: { existed, state } }
    }
    case 'set': {
      if (!existed) return unchanged
      const state = { ...before, [input.key]: input.value }
      return { state, output: { existed, state } }
    }
    case 'delete':
      return existed ? { state: null, output: { existed, state: before } } : unchanged
    case 'read':
      return unchanged
  }
}

export const TOPIC_MODEL: Model<TopicState, TopicInput, TopicOutput> = {
  initial: null,
  step(before, input, told) {
    const { state, output } = perform(before, input)
    return told === null || show(output) === show(told) ? { state } : null
  },
  changesNothing: ({ kind }, { existed }) => kind === 'read' || existed === (kind === 'create'),
  key: show,
}

export function show(value: TopicState | TopicOutput): string {
  return JSON.stringify(value)
}
