import { CommanderError } from 'commander'
import { FatalError, messageOf } from '../base/errors.ts'
import type { ErrorView } from './remedies.ts'
import { RequestFailed } from './rest-client.ts'

/**
 * What went wrong, in the shape of the REST contract. Beside the codes of its table: UNREACHABLE (no node answered), USAGE (the
 * command line is wrong) and FAILED (this process cannot go on: a file, a folder).
 */
export function failureOf(error: unknown): ErrorView {
  if (error instanceof RequestFailed) {
    const { code, message, details } = error
    return { code, message, ...(details === undefined ? {} : { details }) }
  }
  if (error instanceof CommanderError) return { code: 'USAGE', message: usageText(error) }
  if (error instanceof FatalError || (error as Error).name === 'DamagedLog')
    return { code: 'FAILED', message: messageOf(error) }
  return { code: 'INTERNAL', message: messageOf(error), details: { stack: (error as Error).stack ?? null } }
}

/** One line, so that a program finds it even where notes stand before it. */
export function failureJson(error: unknown): string {
  return `${JSON.stringify({ error: failureOf(error) })}\n`
}

/** A group that was called without a command shows its help, and says nothing else. */
function usageText({ code, message }: CommanderError): string {
  if (code === 'commander.help') return 'which command? --help lists what is possible'
  return message.replace(/^error: /, '')
}
