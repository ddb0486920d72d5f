import type { Command } from 'commander'
import { counted } from '../../base/counted.ts'
import { clusterOptions, inSession, type Session, wholeNumber } from '../session.ts'
import { sheet, table } from '../table.ts'
import { type BrokerView, timeText } from '../views.ts'

export type Progress = {
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
const NAMED_MAX = 3

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
            // Somebody ended it meanwhile: what was waited for will not come.
            if (wait && !progress.done) process.exitCode = 1
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
        const { mode } = await client.send<Progress>({ method: 'GET', path })
        const progress = await client.send<Progress>({ method: 'DELETE', path })
        const was = mode === 'DECOMMISSION' ? 'decommissioned' : 'drained'
        print(progress, () =>
          mode === null
            ? `broker ${id} was not being drained or decommissioned: nothing was changed`
            : `broker ${id} is no longer ${was}`,
        )
      })
    })
  clusterOptions(group.command('remove'))
    .argument('<id>', 'broker id', wholeNumber)
    .description('remove a broker for good')
    .option('--force', 'give up the replicas it holds; only while it is OFFLINE')
    .addHelpText('after', '\nExamples:\n  dmq broker remove 102\n  dmq broker remove 102 --force')
    .action(async (id: number, { force }: { force?: boolean }, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        const path = pathOf(id)
        const { status } = await client.send<BrokerView>({ method: 'GET', path })
        await client.send({ method: 'DELETE', path: `${path}${force === true ? '?force=true' : ''}` })
        // A process that lives registers again with its next heartbeat, and takes part as if nothing had been.
        const lives = status === 'OFFLINE' ? '' : `; it was ${status}: stop it, or it registers again`
        print({ removed: id }, () => `broker ${id} removed${lives}`)
      })
    })
}

function pathOf(brokerId: number): string {
  return `/api/v1/metadata/brokers/${brokerId}`
}

/** Progress goes to the standard error output as it changes; the result is printed at the end as always. */
async function untilDone({ client }: Session, path: string, first: Progress): Promise<Progress> {
  let progress = first
  let told = ''
  while (!progress.done && progress.mode !== null) {
    const text = waitText(progress)
    if (text !== told) process.stderr.write(process.stderr.isTTY ? `\r${text} \x1b[K` : `${text}\n`)
    told = text
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
    progress = await client.send<Progress>({ method: 'GET', path })
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  return progress
}

/** With the reason of the first that is left: what is stuck is seen to be. */
function waitText({ mode, leaders, replicas, left }: Progress): string {
  const counted = mode === 'DRAIN' ? leaders : replicas
  const total = Math.max(counted.atStart, counted.left)
  const [first] = left
  const why = first === undefined ? '' : ` (${first.topic}-${first.partition}: ${first.why})`
  return `${total - counted.left} of ${total} moved, ${counted.left} left${why}`
}

export function progressText({
  brokerId,
  status,
  mode,
  since,
  done,
  leaders,
  replicas,
  left,
}: Progress): string {
  if (mode === null) return `broker ${brokerId} is ${status}, and is not drained`
  const head = sheet([
    ['broker', `${brokerId}, ${status}`],
    [mode === 'DRAIN' ? 'drained' : 'decommissioned', `since ${timeText(since)}${done ? ': done' : ''}`],
    ['leads', `${leaders.left} of ${counted(leaders.atStart, 'partition')}`],
    ['holds', `${replicas.left} of ${counted(replicas.atStart, 'replica')}`],
  ])
  if (left.length === 0) return mode === 'DECOMMISSION' ? `${head}\n\n${removeText(brokerId, status)}` : head
  const reasons = [...Map.groupBy(left, ({ why }) => why)].slice(0, SHOWN_MAX)
  const told = reasons.reduce((sum, [, places]) => sum + places.length, 0)
  const total = mode === 'DRAIN' ? leaders.left : replicas.left
  const more = total > told ? `\nand ${total - told} more` : ''
  return `${head}\n\n${table(['LEFT', 'WHY'], reasons.map(reasonRow))}${more}`
}

function removeText(brokerId: number, status: string): string {
  const remove = `dmq broker remove ${brokerId}`
  return status === 'OFFLINE' ? `It is OFFLINE already: ${remove}` : `Stop it, then: ${remove}`
}

/** One row for each reason, however many partitions share it. */
function reasonRow([why, places]: readonly [string, Progress['left']]): string[] {
  const names = places.slice(0, NAMED_MAX).map(({ topic, partition }) => `${topic}-${partition}`)
  const others = places.length - names.length
  return [`${names.join(', ')}${others === 0 ? '' : ` and ${others} more`}`, why]
}
