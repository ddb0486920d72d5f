import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { FatalError, lineOf } from '../base/errors.ts'
import { RestClient } from './rest-client.ts'

export const DEFAULT_BOOTSTRAP = 'http://localhost:9091,http://localhost:9092,http://localhost:9093'

/** What every command that talks to a cluster knows: a client, and whether a program reads the output. */
export type Session = {
  readonly client: RestClient
  readonly print: (value: unknown, forPeople: () => string) => void
  /** Says on the standard error output what must be known of the answer. */
  readonly note: (code: string, message: string) => void
  /** How long to try. */
  readonly timeoutMs: number
}

/** Adds the options that all cluster commands share. */
export function clusterOptions(command: Command): Command {
  return command
    .option(
      '-b, --bootstrap <urls>',
      'metadata nodes to ask, with commas (DMQ_BOOTSTRAP)',
      process.env.DMQ_BOOTSTRAP ?? DEFAULT_BOOTSTRAP,
    )
    .option(
      '--services <file>',
      'take the metadata nodes from this services.json instead (DMQ_SERVICES)',
      process.env.DMQ_SERVICES,
    )
    .option('--timeout <ms>', 'how long to try, over a failover as well', wholeNumber, 10_000)
    .option('--json', 'print JSON')
}

/** Runs one command with a client, and closes it. */
export async function inSession(command: Command, work: (session: Session) => Promise<void>): Promise<void> {
  const { bootstrap, services, timeout, json } = command.optsWithGlobals<{
    bootstrap: string
    services?: string
    timeout: number
    json?: boolean
  }>()
  const urls =
    services === undefined
      ? bootstrap.split(',').map(text => nodeUrl(text.trim()) ?? noAddress(command, text))
      : metadataUrls(services)
  const client = new RestClient(urls, timeout)
  const print: Session['print'] = (value, forPeople) => {
    process.stdout.write(`${json === true ? JSON.stringify(value, null, 2) : forPeople()}\n`)
  }
  const note: Session['note'] = (code, message) => {
    const text = json === true ? JSON.stringify({ note: { code, message } }) : `dmq: ${message}`
    process.stderr.write(`${text}\n`)
  }
  try {
    await work({ client, print, note, timeoutMs: timeout })
  } finally {
    await client.close()
  }
}

/** `http://host:9091`, or `host:9091` for short; null: it is neither. */
export function nodeUrl(text: string): string | null {
  const url = /^(\[[\da-f:.]+\]|[\w.-]+):\d{1,5}\/?$/i.test(text) ? `http://${text}` : text
  return /^https?:\/\//.test(url) && URL.canParse(url) ? url.replace(/\/$/, '') : null
}

/** Not in the option's own check, which never sees the value of DMQ_BOOTSTRAP. */
function noAddress(command: Command, text: string): never {
  return command.error(
    `error: -b, --bootstrap (DMQ_BOOTSTRAP): ${JSON.stringify(text)} is no address of a metadata node; http://host:9091 or host:9091 is expected, several with commas.`,
  )
}

type ServiceEntry = { url?: string; host?: string; port?: number }

/** Only the addresses are wanted here; the server checks the file in full. */
function metadataUrls(file: string): string[] {
  const list = metadataEntries(file)
  if (list.length > 0) return list.map(({ url, host, port }) => url ?? `http://${host}:${port}`)
  throw new FatalError(`${file}: names no metadata nodes; it is a services.json that --services names`)
}

function metadataEntries(file: string): ServiceEntry[] {
  try {
    const json = JSON.parse(readFileSync(file, 'utf8')) as {
      services?: { 'metadata-services'?: ServiceEntry[] }
      metadataServices?: ServiceEntry[]
    }
    return json.services?.['metadata-services'] ?? json.metadataServices ?? []
  } catch (error) {
    throw new FatalError(
      `${file}: cannot be read as JSON (${lineOf(error)}); --services names a services.json`,
    )
  }
}

export function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('a whole number is expected.')
}
