import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { addClusterCommands } from '../../../src/cli/cli.ts'

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
}

/** As it is typed: `broker drain`. */
function nameOf(command: Command): string {
  const { parent } = command
  return parent?.parent ? `${nameOf(parent)} ${command.name()}` : command.name()
}

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({
    writeOut: part => {
      text += part
    },
  })
  command.outputHelp()
  return text
}

test('every command that talks to a cluster has an example of itself in its help, and takes --json', () => {
  const program = new Command('dmq')
  addClusterCommands(program, () => null)
  const commands = leaves(program)
  assert.ok(commands.length > 25, `${commands.length} commands`)
  for (const command of commands) {
    const help = helpOf(command)
    assert.match(help, new RegExp(`^  dmq ${nameOf(command)}\\b`, 'm'), help)
    assert.match(help, /^ {2}--json /m, nameOf(command))
  }
})
