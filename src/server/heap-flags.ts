import { flushCompileCache } from 'node:module'
import { setFlagsFromString } from 'node:v8'

/**
 * How the processes of nodes keep their heap small. These flags are read when Node starts, so that whoever starts a node passes
 * them: `bin/dmq.mjs` begins anew with them, and `dmq up` has them from the start.
 *
 * | flag | why |
 * |---|---|
 * | `--max-semi-space-size` | Where objects begin may by default grow to 128 MiB, and stays so large. Nearly everything here dies within a turn of the loop, so that less does as well. |
 */
export const HEAP_FLAGS: readonly string[] = ['--max-semi-space-size=32']

/** Those flags of which neither the command line of a process nor `NODE_OPTIONS` says something else. */
export function missingHeapFlags(execArgv: readonly string[], nodeOptions = ''): string[] {
  const named = new Set([...execArgv, ...nodeOptions.split(' ')].map(nameOf))
  return HEAP_FLAGS.filter(flag => !named.has(nameOf(flag)))
}

function nameOf(flag: string): string {
  return flag.split('=')[0]!.replaceAll('_', '-')
}

/**
 * By default the heap may become up to four times as large as what lives in it before it is looked through, and what was once
 * taken for it is not soon given back. What lives in it is small (partitions and topics lie in columns), so that looking through
 * it is cheap. Named on the command line, this flag would void the compiled code that Node itself and our modules are
 * cached as, and every start would take 100 ms more; so it is set when all is loaded, and what is compiled is saved before.
 */
export function keepHeapTight(): void {
  flushCompileCache()
  setFlagsFromString('--heap-growing-percent=40')
}
