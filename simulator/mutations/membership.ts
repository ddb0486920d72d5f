import { CORE, REPLICATION, RESTORE } from './files.ts'
import { type Mutation, mutation, open } from './mutation.ts'

const MEMBERSHIP = 'src/raft/membership.ts'
const QUORUM = 'src/raft/quorum.ts'
const ADMISSION = 'src/raft/admission.ts'

/** Bugs in who is a member, and who counts. */
export const MEMBERSHIP_BUGS: readonly Mutation[] = [
  mutation(
    'a change of members is in force only when it is committed',
    'T11',
    CORE,
    'return this.configurations.current\n  }',
    'return this.configurations.at(Math.max(1, this.commit)) ?? this.configurations.current\n  }',
  ),
  mutation(
    'members are changed while another change is under way',
    'T10',
    MEMBERSHIP,
    'if (current.outgoing !== null || current.index > core.commit)',
    'if (current.index < 0)',
  ),
  mutation(
    'a learner counts for the majority',
    'T13',
    QUORUM,
    'function electorates({ voters, outgoing }: Configuration): (readonly Voter[])[] {',
    `function electorates({ voters: own, outgoing, learners }: Configuration): (readonly Voter[])[] {
  const voters = [...own, ...learners]`,
  ),
  // It took 7,449 seeds to come upon it.
  open(
    'test/unit/raft/golden.test.ts',
    mutation(
      'a learner that nobody can be elected without does not run',
      'T13',
      'src/raft/election.ts',
      'core.role.calledUpon = true',
      'core.role.calledUpon = false',
    ),
  ),
  mutation(
    'in joint consensus the new voters decide alone',
    'T9',
    QUORUM,
    'outgoing === null ? [voters] : [voters, outgoing]',
    'outgoing === null ? [voters] : [voters]',
  ),
  mutation(
    'in joint consensus the old voters decide alone',
    'T9',
    QUORUM,
    'outgoing === null ? [voters] : [voters, outgoing]',
    'outgoing === null ? [voters] : [outgoing]',
  ),
  mutation(
    'in joint consensus a majority of all together decides',
    'T9',
    QUORUM,
    'outgoing === null ? [voters] : [voters, outgoing]',
    'outgoing === null ? [voters] : [[...voters, ...outgoing.filter(({ id }) => !voters.some(voter => voter.id === id))]]',
  ),
  mutation(
    'joint consensus is left before it is committed',
    'T12',
    MEMBERSHIP,
    "if (core.role.kind !== 'leader' || current === null || current.index > core.commit) return",
    "if (core.role.kind !== 'leader' || current === null || (current.index > core.commit && current.outgoing === null)) return",
  ),
  mutation(
    'joint consensus is never left',
    'T12',
    MEMBERSHIP,
    'appendConfiguration(core, { ...current, outgoing: null })',
    '',
  ),
  mutation(
    'a leader that leaves goes on counting itself',
    'T14',
    REPLICATION,
    'const index = quorumIndex(core.configuration!, id =>',
    `const { configuration, options } = core
  const own = { id: options.id, uuid: options.uuid }
  const stays = configuration!.voters.some(({ id }) => id === own.id)
  const counted = stays ? configuration! : { ...configuration!, voters: [...configuration!.voters, own] }
  const index = quorumIndex(counted, id =>`,
  ),
  mutation('a leader that has left leads on', 'T14', MEMBERSHIP, 'if (isLeaving(core)) stepAside(core)', ''),
  mutation(
    'a change that was cut off stays in force',
    'T15',
    CORE,
    'this.log.truncate(from)\n    this.configurations.truncate(from)',
    'this.log.truncate(from)',
  ),
  mutation(
    'a start forgets the members that only the snapshot knows',
    'T15',
    RESTORE,
    'configurations: [...configurations, ...read.configurations],',
    'configurations: read.configurations,',
  ),
  {
    id: 'what the disk before has acknowledged counts for the one that took its place',
    bugClass: 'T16',
    edits: [
      {
        file: MEMBERSHIP,
        find: 'new Progress(core.term + entry.index, entry.index, core.now)',
        replace: 'new Progress(core.term, entry.index, core.now)',
      },
      {
        file: ADMISSION,
        find: 'if (recorded === fromUuid || mayKnowMore(core, envelope)) return true',
        replace: 'if (recorded !== null || mayKnowMore(core, envelope)) return true',
      },
    ],
  },
  mutation(
    'a newcomer is ended by what was said to the disk before it',
    'T17',
    ADMISSION,
    'if (!isOfLeader(message) || message.term <= core.term)',
    'if (!mayKnowMore(core, envelope))',
  ),
  mutation(
    'voters are removed though the others are no majority that answers',
    'T14',
    MEMBERSHIP,
    'if (why !== null) return why',
    'if (why === null && voters.length === 0) return why',
  ),
]
