// npm run soak -- [MODE] [OPTION ...]: long runs of real processes; --help lists the modes and their options.
import { type Options, readOptions } from './options.ts'
import { linesOf } from './report.ts'

// With an exit of their own these would leave the nodes running.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
const options = readOptions(process.argv.slice(2))
if ('wrong' in options) {
  process.stderr.write(`soak: ${options.wrong}\n`)
  process.exitCode = 2
} else if ('help' in options) process.stdout.write(options.help)
else process.exit(await run(options))

async function run({ name, mode, values, flags, json }: Options): Promise<number> {
  const say = json ? console.error : console.log
  const asked = Object.entries(values).map(([option, value]) => `--${option} ${value}`)
  const replay = `npm run soak -- ${[name, ...asked, ...[...flags].map(flag => `--${flag}`)].join(' ')}`
  say(replay)
  const began = performance.now()
  const tell = (line: string): void =>
    say(`${String(Math.round((performance.now() - began) / 1000)).padStart(5)} s  ${line}`)
  const report = await mode.run({ values, flags, tell })
  const sound = report.violations.length === 0
  if (json) console.log(JSON.stringify({ mode: name, ...values, sound, ...report }, null, 2))
  else for (const line of ['', ...linesOf(report)]) console.log(line)
  for (const violation of report.violations) console.error(`VIOLATION: ${violation}`)
  say(sound ? mode.shows : `again: ${replay}`)
  return sound ? 0 : 1
}
