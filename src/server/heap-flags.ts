/**
 * How the processes of nodes keep their heap small. They are read when Node starts, so that whoever starts a node passes
 * them: `bin/dmq.mjs` begins anew with them, and `dmq up` has them from the start.
 *
 * | flag | why |
 * |---|---|
 * | `--max-semi-space-size` | Where objects begin may by default grow to 128 MiB, and stays so large. Nearly everything here dies within a turn of the loop, so that less does as well. |
 * | `--heap-growing-percent` | By default the heap may become up to four times as large as what lives in it before it is looked through, and what was once taken for it is not soon given back. What lives in it is small (partitions and topics lie in columns), so that looking through it is cheap. |
 */
export const HEAP_FLAGS: readonly string[] = ['--max-semi-space-size=32', '--heap-growing-percent=60']

/** Those flags of which neither the command line of a process nor `NODE_OPTIONS` says something else. */
export function missingHeapFlags(execArgv: readonly string[], nodeOptions = ''): string[] {
  const named = new Set([...execArgv, ...nodeOptions.split(' ')].map(nameOf))
  return HEAP_FLAGS.filter(flag => !named.has(nameOf(flag)))
}

function nameOf(flag: string): string {
  return flag.split('=')[0]!.replaceAll('_', '-')
}
