import { type Mutation, open } from './mutation.ts'

const REPLICATION = 'src/metadata/replication.ts'
const REASSIGNMENT = 'src/metadata/reassignment.ts'
const UPDATE_ISR = 'src/metadata/commands/update-isr.ts'
const LIFECYCLE = 'src/controller/broker-lifecycle.ts'
const REPLICA = 'simulator/brokers/partition-replica.ts'

function mutation(id: string, file: string, find: string, replace: string, brokers = 4): Mutation {
  return { id, bugClass: 'SYS', edits: [{ file, find, replace }], brokers }
}

/** Those in `simulator/` are bugs of the storage node that is to come: rules that it must keep. */
export const BROKERS_BUGS: readonly Mutation[] = [
  // Fencing and registration.
  mutation(
    'a broker that is fenced stays in its ISRs',
    'src/metadata/commands/partitions-of-broker.ts',
    'const left = active && !lostData ? partition :',
    'const left = !lostData ? partition :',
  ),
  mutation('the ELR ignores an unclean restart', REPLICATION, '  if (lostData) elr &= ~bit\n', ''),
  // A proof that was taken is gone for good: only a disk that is put back from a copy shows an old one.
  open(
    'test/unit/metadata/commands/register-broker.test.ts',
    mutation(
      'any proof of a clean stop will do, however old',
      'src/metadata/commands/register-broker.ts',
      'command.previousBrokerEpoch === before.brokerEpoch',
      'command.previousBrokerEpoch !== null',
    ),
  ),
  // The controller asks twice before it gives such a verdict: the two never met in 300 seeds.
  open(
    'test/unit/metadata/commands/update-broker-status.test.ts',
    mutation(
      'an old verdict fences the next process of the broker',
      'src/metadata/commands/update-broker-status.ts',
      'if (before.brokerEpoch !== command.brokerEpoch) return',
      'if (before.brokerEpoch < 0) return',
    ),
  ),
  mutation(
    'a new controller fences for what it could not hear',
    'src/controller/sessions.ts',
    'if (!this.#since.has(brokerId)) this.#since.set(brokerId, now)',
    'if (!this.#since.has(brokerId)) this.#since.set(brokerId, 0)',
  ),
  mutation(
    'a lost connection is taken for a dead process',
    'src/controller/loss-watch.ts',
    "if (found === 'silent' || found === broker.incarnationId) return null",
    'if (found === broker.incarnationId) return null',
  ),
  mutation(
    'a broker is ONLINE before it has caught up with its registration',
    LIFECYCLE,
    'const caughtUp = broker.incarnationId === null || metadataVersion >= broker.brokerEpoch',
    'const caughtUp = metadataVersion >= 0',
  ),
  // ISRs.
  mutation(
    'an ISR with an old partition epoch is accepted',
    UPDATE_ISR,
    'if (change.partitionEpoch < partitionEpoch) {',
    'if (change.partitionEpoch < 0) {',
  ),
  mutation(
    'the epochs of the proposed members are not looked at',
    UPDATE_ISR,
    'if (image.isActive(brokerId) && broker?.brokerEpoch === brokerEpoch) continue',
    'if (image.isActive(brokerId)) continue',
  ),
  mutation(
    'whoever leaves while the ISR is too small is not eligible',
    REPLICATION,
    '  if (joinsElr) elr |= bit\n',
    '',
  ),
  mutation(
    'the ELR outlasts an ISR that suffices',
    UPDATE_ISR,
    'countOf(isr) < minIsrOf(before, rules) ? (before.elr | before.isr) & ~isr : 0',
    '(before.elr | before.isr) & ~isr',
  ),
  // Moves.
  mutation(
    'a move is done before those that were added are in sync',
    REASSIGNMENT,
    '((isr & added) === added && (isr & target) !== 0 && othersHoldNothing)',
    '(isr & target) !== 0',
  ),
  mutation(
    'a move is done with one of the target, while those that go hold all records',
    REASSIGNMENT,
    '  return done ?',
    '  return done || (isr & target) !== 0 || added !== 0 ?',
  ),
  mutation(
    'a move can be cancelled when only those that were added hold all records',
    'src/metadata/commands/alter-replicas.ts',
    '  if (keepsData(before, kept)) return null\n',
    '  if (kept.length > 0) return null\n',
  ),
  mutation(
    'a move that waits is taken for done by whom of its target it finds',
    REASSIGNMENT,
    'if (reassignment === null || reassignment.waiting) return state',
    'if (reassignment === null) return state',
  ),
  mutation(
    'more moves begin than there is room for',
    'src/metadata/commands/move-room.ts',
    'begun.leader === null ? this.#isOpen : this.#free > 0',
    'begun.replicas.length > 0',
  ),
  mutation(
    'the room for moves forgets those that go on',
    'src/metadata/commands/move-room.ts',
    'this.#free = limit - copyingMoves(image)',
    'this.#free = limit - Math.min(0, copyingMoves(image))',
  ),
  // It takes a broker that is removed while a move waits for it: 300 seeds had none.
  open(
    'test/unit/metadata/commands/waiting-moves.test.ts',
    mutation(
      'moves that wait for a broker outlast its removal',
      'src/metadata/commands/partitions-of-broker.ts',
      '    if (target.includes(brokerId)',
      '    if (row < 0 && target.includes(brokerId)',
    ),
  ),
  // Copies.
  mutation(
    'a delta is applied wherever it begins',
    'src/broker/metadata-copy.ts',
    'if (delta.fromVersion > this.image.version || delta.commands === undefined)',
    'if (delta.commands === undefined)',
  ),
  mutation(
    'a message of an older controller counts',
    'src/broker/metadata-copy.ts',
    'if (this.#controller !== null && heard.term < this.#controller.term) return false',
    '',
  ),
  mutation(
    'a storage node that is refused asks again at once',
    'src/broker/broker.ts',
    `    const controller = await this.#currentController()
    // Whom it has just found it turns to now, and not once more.
    this.#turnAgain = false
`,
    `    this.#turnAgain = false
    const controller = await this.#currentController()
`,
  ),
  mutation(
    'a clean stop before the registration leaves no proof',
    'src/server/clean-stop.ts',
    'brokerEpoch === null ? this.#taken && { ...this.#taken, incarnationId } : { brokerEpoch }',
    'brokerEpoch === null ? null : { brokerEpoch }',
    5,
  ),
  mutation(
    'a proof of a clean stop that was taken comes back after a loss of power',
    'src/server/clean-stop.ts',
    '    this.#disk.syncFolder(this.#folder)\n',
    '',
  ),
  mutation(
    'a process that may be registered without knowing is taken for another one',
    'src/server/clean-stop.ts',
    '{ ...this.#taken, incarnationId }',
    'this.#taken',
    5,
  ),
  // Logs.
  mutation('the high watermark ignores the ISR that is proposed', REPLICA, '[...isr, ...proposed]', 'isr'),
  mutation(
    'the leader commits below the minimum of the ISR',
    REPLICA,
    'if (isr.length < this.minIsr) return\n',
    '',
  ),
  mutation(
    'a proposal of unknown fate is forgotten',
    'simulator/brokers/replicas.ts',
    '      // The same is proposed again.\n',
    '      for (const { replica } of proposed) replica.proposal = null\n',
  ),
  mutation(
    'followers keep what parts from their leader',
    REPLICA,
    'if (diverging !== null) return',
    'if (diverging !== null && request.offset < 0) return',
  ),
  mutation(
    'a broker leads by the metadata that it finds on its disk',
    'simulator/brokers/replicas.ts',
    'image.broker(brokerId)?.brokerEpoch === epoch',
    'image.broker(brokerId) !== undefined',
  ),
  {
    id: 'a process is taken in for what the one before it has fetched',
    bugClass: 'SYS',
    brokers: 4,
    // Either alone is harmless: by the one nobody is taken in, and what the other proposes the controller refuses.
    edits: [
      { file: REPLICA, find: 'return known >= 0 ? known :', replace: 'return known === -2 ? known :' },
      { file: REPLICA, find: 'return isThis && image', replace: 'return image' },
    ],
  },
]
