import { type Command, Option } from 'commander'
import { nodeDisk } from '../io/node-disk.ts'
import { keepHeapTight } from './heap-flags.ts'
import { OPTIONS, type OptionSpec, type Options, readOptions } from './options.ts'
import { die, type Server, stopOnSignals } from './process.ts'
import { up } from './up.ts'

/** The commands that run nodes, or read what a node left on disk. What they do is loaded only to be done: the CLI starts faster. */
export function addServerCommands(program: Command): void {
  up(program)
  node(program, 'metadata', 'run one metadata node', async options => {
    const { startMetadataServer } = await import('./metadata-server.ts')
    keepHeapTight()
    return startMetadataServer(options, die)
  })
  node(program, 'storage', 'run one storage node', async options => {
    const { startStorageServer } = await import('./storage-server.ts')
    keepHeapTight()
    return startStorageServer(options)
  })
  const log = program.command('log').description('look into a Raft log')
  log
    .command('dump <folder>')
    .description('print the log of a stopped metadata node as JSON lines')
    .addOption(logStoreOption())
    .addHelpText('after', '\nExample:\n  dmq log dump .dmq/metadata-1')
    .action(async (folder: string, { logStore }: { logStore: string }) => {
      const { dumpLog } = await import('./log-dump.ts')
      await dumpLog(nodeDisk, { folder, logStore }, line => process.stdout.write(`${JSON.stringify(line)}\n`))
    })
  program
    .command('recover <folder>')
    .description(
      'make a stopped voter, whose majority is lost for good, a cluster of its own; tells first what that means',
    )
    .addOption(logStoreOption())
    .option('--yes', 'do it')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  dmq recover .dmq/metadata-1\n  dmq recover .dmq/metadata-1 --yes')
    .action(
      async (
        folder: string,
        { logStore, yes, json }: { logStore: string; yes?: boolean; json?: boolean },
      ) => {
        const { recover, recoveryText } = await import('./recover.ts')
        const recovery = await recover(nodeDisk, { folder, logStore }, yes !== true)
        const text = json === true ? JSON.stringify(recovery, null, 2) : recoveryText(folder, recovery)
        process.stdout.write(`${text}\n`)
      },
    )
}

function logStoreOption(): Option {
  return new Option('--log-store <store>', 'where the log is, if not in segments').default('segments')
}

function node(
  program: Command,
  name: string,
  description: string,
  start: (options: Options) => Promise<Server>,
): void {
  const command = program.command(name).description(description)
  for (const option of Object.values(OPTIONS) as OptionSpec[]) command.addOption(flagOf(option))
  command
    .option('--config <file>', 'a YAML file with any of these options (DMQ_CONFIG)', process.env.DMQ_CONFIG)
    .addHelpText(
      'after',
      `\nExample:\n  dmq ${name} --node-id ${name === 'metadata' ? 1 : 101} --services services.json --cluster-key-file cluster.key`,
    )
    .action(async () => {
      const flags = flagValues(command.opts<Record<string, string>>())
      const { options, warnings } = readOptions({
        flags,
        env: process.env,
        file: command.opts<{ config?: string }>().config ?? null,
      })
      for (const warning of warnings) process.stderr.write(`dmq: ${warning}\n`)
      stopOnSignals(await start(options))
    })
}

/** No default and no parsing here: the option table does both, whatever the source. */
function flagOf({ flag, env, purpose, default: value }: OptionSpec): Option {
  const standard = value === undefined ? '' : `; default ${value}`
  return new Option(`--${flag} <value>`, `${purpose} (${env}${standard})`)
}

/** Commander names options in camelCase; the table names them as they are typed. */
function flagValues(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`),
      value,
    ]),
  )
}
