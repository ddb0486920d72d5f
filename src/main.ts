import { Command, CommanderError } from 'commander'
import { messageOf } from './base/errors.ts'
import { addClusterCommands } from './cli/cli.ts'
import { failureJson } from './cli/failure.ts'
import { RequestFailed } from './cli/rest-client.ts'
import { readClusterKey } from './server/cluster-key.ts'
import { addServerCommands } from './server/commands.ts'
import { die, EXIT } from './server/process.ts'
import { VERSION } from './server/version.ts'

/** Known before the command line is parsed: a mistake in it is told in the same way as everything else. */
const asJson = process.argv.includes('--json')

const program = new Command('dmq')
  .description('DMQ: a Kafka-style message queue whose control plane is a Raft quorum')
  .version(VERSION)
  .showHelpAfterError('(add --help for what is possible)')
  .configureOutput(asJson ? { writeErr: () => {} } : {})
  .exitOverride()
addServerCommands(program)
addClusterCommands(program, readClusterKey)

try {
  await program.parseAsync(process.argv)
} catch (error) {
  if (error instanceof CommanderError && error.exitCode === 0) process.exit(EXIT.ok)
  if (asJson) process.stderr.write(failureJson(error))
  if (error instanceof CommanderError) process.exit(EXIT.usage)
  if (asJson) process.exit(EXIT.failed)
  if (!(error instanceof RequestFailed)) die(error)
  process.stderr.write(`dmq: ${error.code}: ${messageOf(error)}\n`)
  process.exit(EXIT.failed)
}
