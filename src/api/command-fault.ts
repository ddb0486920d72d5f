import { messageOf } from '../base/errors.ts'
import { decodeCommand } from '../metadata/command.ts'
import { CHANGE_MEMBERS, FOUND_CLUSTER, NO_OP } from '../raft/entry.ts'

/**
 * What is wrong with a command that came as JSON; null if this node could read it from its log. Later is too late: an
 * entry that is not readable ends every node that comes to apply it, at every start.
 */
export function commandFault(type: string, data: string): string | null {
  if (type === NO_OP) return data === '' ? null : `commandData of a ${NO_OP} is empty`
  if (type === FOUND_CLUSTER || type === CHANGE_MEMBERS) return null
  try {
    const command = decodeCommand(type, data)
    if (command === null) return `commandType ${JSON.stringify(type)} is not known to this release`
    return Number.isSafeInteger(command.time) && command.time >= 0
      ? null
      : `commandData of a ${type} has no "time" in epoch milliseconds`
  } catch (error) {
    return `commandData of a ${type} is not a JSON object (${messageOf(error)})`
  }
}
