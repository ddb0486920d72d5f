import { type Command, InvalidArgumentError } from 'commander'
import { counted } from '../../base/counted.ts'
import { clusterOptions, inSession, type Session, wholeNumber } from '../session.ts'
import { table } from '../table.ts'
import { timeText } from '../views.ts'

type EntryView = {
  version: number
  time: number
  text: string
  by: string | null
  idempotencyKey: string | null
  partitions: { text: string }[]
  partitionCount: number
  complete: boolean
}
type PageView = { knownAfter: number; entries: EntryView[]; next?: number }
type HistoryOptions = { topic?: string; broker?: number; from?: number; to?: number; limit: number }

const PAGE = 1_000

export function history(program: Command): void {
  clusterOptions(program.command('history'))
    .description('show what changed, at which version, when, and by which request')
    .option('-t, --topic <name>', 'only what changed this topic, with its partitions')
    .option('-B, --broker <id>', 'only what changed this broker, or its part in partitions', wholeNumber)
    .option('--from <version>', 'from this version on, all of it; else the newest', wholeNumber)
    .option('--to <version>', 'up to this version', wholeNumber)
    .option('-n, --limit <n>', 'so many of the newest, at most 1000', pageSize, 50)
    .addHelpText(
      'after',
      '\nExamples:\n  dmq history\n  dmq history --topic orders\n  dmq history --broker 102 --from 640 --to 812 --json',
    )
    .action(async (options: HistoryOptions, command: Command) => {
      const { from = 0, to = from } = options
      if (from > to) command.error(`error: --from ${from} is after --to ${to}: no version is between them.`)
      await inSession(command, async session => {
        const entries = await read(session, options)
        const filtered = options.topic !== undefined || options.broker !== undefined
        session.print(entries, () => historyTable(entries, filtered))
      })
    })
}

function pageSize(text: string): number {
  const size = wholeNumber(text)
  if (size >= 1 && size <= PAGE) return size
  throw new InvalidArgumentError(`1 to ${PAGE} is expected; --from shows all from a version on.`)
}

async function read({ client }: Session, options: HistoryOptions): Promise<EntryView[]> {
  const { limit, from, ...filter } = options
  const entries: EntryView[] = []
  let after: number | undefined
  do {
    const start = after === undefined ? { from } : { after }
    const query = queryText({
      topic: filter.topic,
      broker: filter.broker,
      to: filter.to,
      ...start,
      limit: from === undefined ? limit : PAGE,
    })
    const page = await client.send<PageView>({ method: 'GET', path: `/api/v1/metadata/history?${query}` })
    entries.push(...page.entries)
    after = page.next
  } while (after !== undefined)
  return entries
}

function queryText(values: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(value!)}`)
    .join('&')
}

/** What an entry did to the partitions asked for stands below it. */
function historyTable(entries: readonly EntryView[], filtered: boolean): string {
  const rows = entries.flatMap(entry => {
    const head = [String(entry.version), timeText(entry.time), byText(entry), entry.text]
    const below = filtered ? partitionLines(entry) : []
    return [head, ...below.map(line => ['', '', '', `  ${line}`])]
  })
  return table(['VERSION', 'TIME', 'BY', 'WHAT'], rows)
}

function byText({ by, idempotencyKey }: EntryView): string | null {
  return idempotencyKey === null ? by : `${by ?? '-'} (key ${idempotencyKey})`
}

/** A single change is in the sentence of the entry already. */
function partitionLines({ partitions, complete, partitionCount, text }: EntryView): string[] {
  const lines = partitions.map(change => change.text).filter(line => !text.startsWith(line))
  return complete ? lines : [...lines, `(not all: the entry changed ${counted(partitionCount, 'partition')})`]
}
