import { assert } from '../base/assert.ts'
import type { Core } from './core.ts'

/** What must hold after every step; cheap enough for production. Numbers are those of the doc comment of `Core`. */
export function checkInvariants(core: Core): void {
  assert(core.applied <= core.commit && core.commit <= core.log.lastIndex, 'applied <= commit <= last')
  assert(core.log.last.term <= core.term, 'no entry is of a later term than the current one')
  assert(core.durability.durable <= core.log.lastIndex, 'only what is in the log is durable')
  assert((core.snapshot?.id.index ?? 0) <= core.applied, 'snapshots hold what is applied')
  assert(core.log.base.index <= core.applied, 'what is forgotten is applied')
  if (core.role.kind !== 'leader') return
  assert(core.votedFor === core.options.id, 'a leader voted for itself')
  for (const progress of core.role.progress.values()) {
    assert(
      progress.match < progress.next && progress.next <= core.log.lastIndex + 1,
      'match < next <= last + 1',
    )
    assert(
      progress.state === 'replicate' || progress.inflight.count === 0,
      'only replicate has something in flight',
    )
    assert((progress.state === 'snapshot') === (progress.transfer !== null), 'only snapshot has a transfer')
    const { transfer, next } = progress
    assert(transfer === null || next === transfer.id.index + 1, 'appends go on behind the snapshot')
  }
}
