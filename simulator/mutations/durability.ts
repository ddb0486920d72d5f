import { COMMITS, CONSENSUS, LOG, RECOVERY } from './files.ts'
import { type Mutation, mutation } from './mutation.ts'

/** Bugs in what is on disk. */
export const DURABILITY_BUGS: readonly Mutation[] = [
  mutation(
    'a write that was overtaken by a truncation still vouches for its entries',
    'T26',
    'src/raft/durability.ts',
    'for (const write of this.#writes) write.last = Math.min(write.last, index - 1)',
    '',
  ),
  mutation(
    'a truncation does not lower what is durable',
    'T26',
    'src/raft/durability.ts',
    'this.#durable = Math.min(this.#durable, index - 1)',
    '',
  ),
  mutation(
    'of two states that go to disk together the older one wins',
    'T27',
    'src/log/batch.ts',
    'const state = second.state ?? first.state',
    'const state = first.state ?? second.state',
  ),
  mutation(
    'a state overtakes the entries before it',
    'T27',
    CONSENSUS,
    'this.#parts.log.append({ resetTo, truncateFrom, firstIndex, records, state }).then(',
    `if (records.length > 0) void this.#parts.log.append({ resetTo: null, truncateFrom: null, firstIndex: 0, records: [], state }).catch(() => {})
    this.#parts.log.append({ resetTo, truncateFrom, firstIndex, records, state: records.length > 0 ? null : state }).then(`,
  ),
  mutation(
    'a failed write counts as done',
    'T34',
    COMMITS,
    'this.#failure = error\n      done.reject(error)',
    'this.#failure = error\n      done.resolve()',
  ),
  mutation(
    'a failed sync is tried again',
    'T34',
    COMMITS,
    'await this.#write(batch)\n',
    'await this.#write(batch).catch(() => this.#write(batch))\n',
  ),
  mutation(
    'a node goes on when its disk fails',
    'T34',
    CONSENSUS,
    'error => this.#fail(writeFailed(error)),',
    '() => {},',
  ),
  mutation(
    'what was read after a failed sync counts as durable',
    'T34',
    RECOVERY,
    'if (newest) await makeDurable(disk, folder, segment, bytes, lastFrame)',
    'if (newest && lastFrame < 0) await makeDurable(disk, folder, segment, bytes, lastFrame)',
  ),
  mutation(
    'writes are not synced',
    'T36',
    LOG,
    'await segment.file.writeDurably(buffer, start)',
    'await segment.file.write(buffer, start)',
  ),
  mutation(
    'the name of a new segment is not synced',
    'T36',
    LOG,
    'this.#disk.rename(join(this.#folder, PREPARED), path)\n    this.#disk.syncFolder(this.#folder)',
    'this.#disk.rename(join(this.#folder, PREPARED), path)',
  ),
]
