import type { AcceptedCommand } from '../metadata/change-ring.ts'
import { type Gap, gapRow, historyRow, type Row } from './rows.ts'
import { HISTORY, type Step } from './tables.ts'

const STEP_COMMANDS = 500
const STEP_BYTES = 256 * 1024

/** One row for each command, and one for those that are not known any more. */
export function* historySteps(
  recoveryEpoch: number,
  gap: Gap | null,
  commands: readonly AcceptedCommand[],
): Generator<Step> {
  let rows: Row[] = gap === null ? [] : [gapRow(recoveryEpoch, gap)]
  let bytes = 0
  for (const command of commands) {
    rows.push(historyRow(recoveryEpoch, command))
    bytes += command.commandData.length
    if (rows.length < STEP_COMMANDS && bytes < STEP_BYTES) continue
    yield { table: HISTORY, rows }
    rows = []
    bytes = 0
  }
  yield { table: HISTORY, rows }
}
