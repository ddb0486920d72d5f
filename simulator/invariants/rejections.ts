import type { Envelope } from '../../src/raft/message.ts'
import type { MetadataProcess } from '../cluster/metadata-process.ts'
import { violated } from './violation.ts'

/**
 * T22: what is committed here is in the log of every later leader, so an append that goes on from there is never rejected,
 * however little of the log is left. Else its leader asks again for ever.
 */
export class RejectionInvariants {
  /** Of each append that came: whether it went on from beyond what was committed when it came first. */
  readonly #mayReject = new WeakMap<MetadataProcess, Map<string, boolean>>()

  arrives(process: MetadataProcess, { from, message }: Envelope): void {
    if (message.type !== 'append' || process.node === null) return
    const { commit, term } = process.node.consensus.status()
    const key = `${from} ${message.term} ${message.session} ${message.prev.index}`
    const known = this.#mayReject.get(process) ?? new Map<string, boolean>()
    if (!known.has(key)) known.set(key, message.term < term || message.prev.index > commit)
    this.#mayReject.set(process, known)
  }

  sent(process: MetadataProcess, { to, message }: Envelope): void {
    if (message.type !== 'appendReply' || message.success || message.rejected === 0) return
    const key = `${to} ${message.term} ${message.session} ${message.rejected}`
    if (this.#mayReject.get(process)?.get(key) === false)
      violated(
        'T22',
        `node ${process.nodeId} rejects an append of node ${to} behind entry ${message.rejected}, which is committed`,
      )
  }
}
