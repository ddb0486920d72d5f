import { FatalError, messageOf } from '../base/errors.ts'

/** Exit codes of every `dmq` process and command. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const

/** A running server that can be stopped once. */
export type Server = { stop(): Promise<void> }

/** Ends the process with one clear line; a bug also shows its stack. */
export function die(error: unknown): never {
  const known = error instanceof FatalError || (error as Error).name === 'DamagedLog'
  process.stderr.write(`dmq: ${known ? messageOf(error) : ((error as Error).stack ?? messageOf(error))}\n`)
  process.exit(EXIT.failed)
}

/** Stops the server on Ctrl-C or SIGTERM; a second signal ends the process at once. */
export function stopOnSignals(server: Server): void {
  let stopping = false
  const stop = (): void => {
    if (stopping) process.exit(EXIT.failed)
    stopping = true
    server.stop().then(() => process.exit(EXIT.ok), die)
  }
  const supervised = process.env.DMQ_SUPERVISED === '1'
  process.on('SIGTERM', stop)
  // Under `dmq up`, Ctrl-C reaches every process at once; the supervisor then stops them in order.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, supervised ? () => {} : stop)
  if (supervised) process.on('disconnect', stop)
}
