import { DmqError, FatalError, messageOf } from '../base/errors.ts'

/** What is on the disk is not certain any more: nothing that rests on it may be said, and nothing is tried again. */
export function writeFailed(error: unknown): FatalError {
  return new FatalError(
    `the log could not be written (${messageOf(error)}), so this node stops: mend the disk or make room on it, then start the ` +
      'node again. While a majority of the metadata nodes runs, the cluster goes on without it.',
  )
}

export function stopping(): DmqError {
  return new DmqError('NOT_CONTROLLER', 'the node is stopping')
}
