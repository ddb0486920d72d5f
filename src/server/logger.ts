import { Writable } from 'node:stream'
import { pino } from 'pino'
import { storyLine } from './story.ts'

/** One event: a fixed name, a sentence for people, and fields for programs. */
export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  event: string,
  text: string,
  fields?: object,
) => void

export type LoggerOptions = { readonly node: string; readonly level: string; readonly format: string }

/** Lines for people where somebody watches, JSON lines where programs read. */
export function createLogger({ node, level, format }: LoggerOptions): Log {
  const story = format === 'story' || (format === 'auto' && process.stdout.isTTY === true)
  const destination = story ? storyStream() : pino.destination({ fd: 1, sync: true })
  const logger = pino({ level, base: { node }, timestamp: pino.stdTimeFunctions.epochTime }, destination)
  return (level, event, text, fields = {}) => logger[level]({ event, ...fields }, text)
}

function storyStream(): Writable {
  const colours = process.stdout.isTTY === true || process.env.FORCE_COLOR === '1'
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trimEnd().split('\n'))
        process.stdout.write(`${storyLine(line, colours)}\n`)
      done()
    },
  })
}
