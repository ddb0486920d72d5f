import { type Mutation, mutation } from './mutation.ts'

/** Bugs in which disk is which. */
export const IDENTITY_BUGS: readonly Mutation[] = [
  mutation(
    'an empty disk joins under a recorded id',
    'T17',
    'src/raft/admission.ts',
    'if (toUuid === core.options.uuid) {\n    core.adoptCluster(clusterId)',
    'if (toUuid !== null) {\n    core.adoptCluster(clusterId)',
  ),
  {
    id: 'a wiped node founds a second cluster',
    bugClass: 'T17',
    edits: [
      { file: 'src/raft/founding.ts', find: '  if (!answer.empty) return\n', replace: '' },
      {
        file: 'src/raft/founding.ts',
        find: 'if (answer.recordedUuid !== null && answer.recordedUuid !== core.options.uuid) {',
        replace: 'if (answer.recordedUuid === core.options.uuid) {',
      },
    ],
  },
]
