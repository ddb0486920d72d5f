import { REPLICATION, RESTORE, SNAPSHOTTING } from './files.ts'
import { type Mutation, mutation, open } from './mutation.ts'

/** Bugs in snapshots. */
export const SNAPSHOTS_BUGS: readonly Mutation[] = [
  mutation(
    'a snapshot over a log that parted from it keeps what follows',
    'T18',
    SNAPSHOTTING,
    'if (core.log.termAt(id.index) !== id.term) {',
    'if (core.log.lastIndex < id.index) {',
  ),
  open(
    'test/unit/raft/snapshot.test.ts',
    mutation(
      'a snapshot voids a log that agrees with it and is longer',
      'T18',
      SNAPSHOTTING,
      'if (core.log.termAt(id.index) !== id.term) {',
      'if (core.log.lastIndex >= 0) {',
    ),
  ),
  mutation(
    'the log goes behind the newer of two snapshots, and the older one is of no use',
    'T19',
    SNAPSHOTTING,
    'const index = Math.min(core.snapshots[0]!.id.index,',
    'const index = Math.min(core.snapshot!.id.index + 1,',
  ),
  mutation(
    'an install that was cut short is not finished at the start',
    'T19',
    RESTORE,
    'await log.append({ resetTo: id.index, truncateFrom: null, firstIndex: 0, records: [], state: null })',
    '',
  ),
  mutation(
    'an append from before the snapshot is a conflict',
    'T22',
    REPLICATION,
    'if (append.prev.index >= base.index) return append',
    'if (append.prev.index >= 0) return append',
  ),
  mutation(
    'a snapshot is not durable when it gets its name',
    'T19',
    'src/log/snapshot-store.ts',
    'const written = await writeSnapshot(file, head, pieces, pause)\n      await file.sync()',
    'const written = await writeSnapshot(file, head, pieces, pause)',
  ),
]
