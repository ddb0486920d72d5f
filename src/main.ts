import { Command, CommanderError } from 'commander'
import { messageOf } from './base/errors.ts'
import { addClusterCommands } from './cli/cli.ts'
import { RequestFailed } from './cli/rest-client.ts'
import { readClusterKey } from './server/cluster-key.ts'
import { addServerCommands } from './server/commands.ts'
import { die, EXIT } from './server/process.ts'
import { VERSION } from './server/version.ts'

const program = new Command('dmq')
  .description('DMQ: a Kafka-style message queue whose control plane is a Raft quorum')
  .version(VERSION)
  .showHelpAfterError('(add --help for what is possible)')
  .exitOverride()
addServerCommands(program)
addClusterCommands(program, readClusterKey)

try {
  await program.parseAsync(process.argv)
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage)
  if (!(error instanceof RequestFailed)) die(error)
  process.stderr.write(`dmq: ${error.code}: ${messageOf(error)}\n`)
  process.exit(EXIT.failed)
}
