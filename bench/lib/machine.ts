import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'

/** What a figure was measured on: without it, it means nothing. */
export function machineLine(): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim()
  const dirty =
    execFileSync('git', ['status', '--porcelain', '-uno']).toString() === '' ? '' : ' (with changes)'
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus()[0]?.model}, ${availableParallelism()} cores, ${memory} GiB; Node ${process.versions.node}; commit ${commit}${dirty}`
}

/** CPU seconds a process has used so far, user and system (Linux). */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
