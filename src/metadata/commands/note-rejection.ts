import type { ErrorCode } from '../../base/errors.ts'
import { type Decision, reject } from '../decision.ts'

/**
 * The controller refused a keyed request before it came to a command. It changes nothing; it is in the log so that a
 * repeat of the request gets the same answer.
 */
export type NoteRejectionCommand = {
  readonly type: 'NoteRejectionCommand'
  readonly time: number
  readonly rejected: ErrorCode
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>>
}

export function decide({ rejected, message, details }: NoteRejectionCommand): Decision {
  return reject(rejected, message, details)
}
