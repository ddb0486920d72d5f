import { readFileSync } from 'node:fs'

/** Tells one process from every other, on this boot of this machine; a pid alone is used again. */
export type ProcessName = { readonly pid: number; readonly bootId: string; readonly startedAt: string }

/** Linux tells when a process started; elsewhere a live pid has to do. */
export function nameOfProcess(pid: number): ProcessName {
  const bootId = readOr('/proc/sys/kernel/random/boot_id', 'unknown').trim()
  const stat = readOr(`/proc/${pid}/stat`, '')
  const startedAt = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'unknown'
  return { pid, bootId, startedAt }
}

export function isRunning(name: ProcessName): boolean {
  try {
    process.kill(name.pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  const now = nameOfProcess(name.pid)
  return now.bootId === name.bootId && now.startedAt === name.startedAt
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return otherwise
  }
}
