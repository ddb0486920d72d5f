import { runBatch } from './runner/batch.ts'
import { HELP, readOptions } from './runner/options.ts'
import { replay } from './runner/replay.ts'

/** Runs the simulator: one seed with its trace, or a batch of them on several processes. */
const options = readOptions(process.argv.slice(2))
if ('wrong' in options) {
  process.stderr.write(`simulate: ${options.wrong}\n`)
  process.exitCode = 2
} else if (options.help) process.stdout.write(HELP)
else process.exitCode = options.trace || options.seeds === 1 ? await replay(options) : await runBatch(options)
