import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]
type Line = { time: number; level: number; node: string; event: string; msg: string }

/** A symbol per event or kind of event, so that a log can be read at a glance. */
const SYMBOLS: Readonly<Record<string, { symbol: string; style: Style }>> = {
  started: { symbol: '▶', style: 'green' },
  stopped: { symbol: '■', style: 'gray' },
  founded: { symbol: '✦', style: 'cyan' },
  elected: { symbol: '♛', style: 'yellow' },
  following: { symbol: '→', style: 'gray' },
  campaign: { symbol: '?', style: 'yellow' },
  peer: { symbol: '·', style: 'gray' },
  broker: { symbol: '◉', style: 'green' },
  'broker.offline': { symbol: '○', style: 'red' },
  'broker.unregistered': { symbol: '○', style: 'red' },
  topic: { symbol: '▤', style: 'blue' },
  sync: { symbol: '⇄', style: 'gray' },
  mirror: { symbol: '⧉', style: 'gray' },
  refused: { symbol: '✖', style: 'red' },
}

/** What a broker that has come to this status is logged as: `broker.offline`, and so on. */
export function statusEvent(status: string): string {
  return `broker.${status.toLowerCase()}`
}

const PINO_WARN = 40
const PINO_ERROR = 50

/** A JSON log line as people read it: time, node, symbol, sentence. */
export function storyLine(json: string, colours: boolean): string {
  const { time, level, node, event, msg } = JSON.parse(json) as Line
  const { symbol, style } = SYMBOLS[event] ??
    SYMBOLS[event.split('.')[0]!] ?? { symbol: '·', style: 'gray' as Style }
  const paint = (styles: Style, text: string): string =>
    colours ? styleText(styles, text, { validateStream: false }) : text
  const clock = new Date(time).toISOString().slice(11, 23)
  const mark =
    level >= PINO_ERROR ? paint('red', '✖') : level >= PINO_WARN ? paint('yellow', '!') : paint(style, symbol)
  return `${paint('gray', clock)}  ${node.padEnd(12)} ${mark} ${msg}`
}
