import type { Command } from 'commander'
import { clusterOptions, inSession, type Session, wholeNumber } from '../session.ts'
import { sheet, table } from '../table.ts'
import { timeText } from '../views.ts'

type Progress = {
  brokerId: number
  status: string
  mode: 'DRAIN' | 'DECOMMISSION' | null
  since: number | null
  done: boolean
  leaders: { atStart: number; left: number }
  replicas: { atStart: number; left: number }
  moved: number
  left: { topic: string; partition: number; why: string }[]
}

const POLL_MS = 500
const SHOWN_MAX = 20

/** Emptying a broker: of leaderships, of replicas, of its place in the cluster. */
export function brokerDrain(group: Command): void {
  const drained = [
    { name: 'drain', what: 'take leaderships and new replicas away from a broker, before work on it' },
    { name: 'decommission', what: 'move all replicas away from a broker, before it is removed' },
  ]
  for (const { name, what } of drained) {
    clusterOptions(group.command(name))
      .argument('<id>', 'broker id', wholeNumber)
      .description(what)
      .option('--wait', 'wait until it is done, showing how far it is')
      .option('--status', 'change nothing: show how far it is')
      .addHelpText('after', `\nExamples:\n  dmq broker ${name} 102 --wait\n  dmq broker ${name} 102 --status`)
      .action(
        async (
          brokerId: number,
          { wait, status }: { wait?: boolean; status?: boolean },
          command: Command,
        ) => {
          await inSession(command, async session => {
            const path = `${pathOf(brokerId)}/${name}`
            let progress = await session.client.send<Progress>({ method: status ? 'GET' : 'POST', path })
            if (wait) progress = await untilDone(session, path, progress)
            session.print(progress, () => progressText(progress))
          })
        },
      )
  }
  clusterOptions(group.command('undrain'))
    .argument('<id>', 'broker id', wholeNumber)
    .description('end a drain or decommission: the broker takes part again')
    .addHelpText('after', '\nExample:\n  dmq broker undrain 102')
    .action(async (id: number, _options: object, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        const path = `${pathOf(id)}/drain`
        const progress = await client.send<Progress>({ method: 'DELETE', path })
        print(progress, () => `broker ${id} is no longer drained`)
      })
    })
  clusterOptions(group.command('remove'))
    .argument('<id>', 'broker id', wholeNumber)
    .description('remove a broker for good')
    .option('--force', 'give up the replicas it holds; only while it is OFFLINE')
    .addHelpText('after', '\nExample:\n  dmq broker remove 102')
    .action(async (id: number, { force }: { force?: boolean }, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        const query = force === true ? '?force=true' : ''
        await client.send({ method: 'DELETE', path: `${pathOf(id)}${query}` })
        print({ removed: id }, () => `broker ${id} removed`)
      })
    })
}

function pathOf(brokerId: number): string {
  return `/api/v1/metadata/brokers/${brokerId}`
}

/** Progress goes to the terminal as it comes; the result is printed at the end as always. */
async function untilDone({ client }: Session, path: string, first: Progress): Promise<Progress> {
  let progress = first
  while (!progress.done && progress.mode !== null) {
    const { left, atStart } = progress.mode === 'DRAIN' ? progress.leaders : progress.replicas
    if (process.stderr.isTTY)
      process.stderr.write(`\r${atStart - left} of ${atStart} moved, ${left} left \x1b[K`)
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
    progress = await client.send<Progress>({ method: 'GET', path })
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  return progress
}

function progressText({ brokerId, status, mode, since, done, leaders, replicas, left }: Progress): string {
  if (mode === null) return `broker ${brokerId} is ${status}, and is not drained`
  const head = sheet([
    ['broker', `${brokerId}, ${status}`],
    [mode === 'DRAIN' ? 'drained' : 'decommissioned', `since ${timeText(since)}${done ? ': done' : ''}`],
    ['leads', `${leaders.left} of ${leaders.atStart} partitions`],
    ['holds', `${replicas.left} of ${replicas.atStart} replicas`],
  ])
  if (left.length === 0)
    return mode === 'DECOMMISSION' ? `${head}\n\nStop it, then: dmq broker remove ${brokerId}` : head
  const rows = left.slice(0, SHOWN_MAX).map(({ topic, partition, why }) => [`${topic}-${partition}`, why])
  const total = mode === 'DRAIN' ? leaders.left : replicas.left
  const more = total > rows.length ? `\nand ${total - rows.length} more` : ''
  return `${head}\n\n${table(['LEFT', 'WHY'], rows)}${more}`
}
