import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { RunResult } from '../run.ts'
import type { Task } from './task.ts'

/** No run takes nearly as long, not even on a machine that is busy with others: one that does goes round in circles without a step. */
const RUN_MS_MAX = 600_000

/** A worker process, and another one in its place when it dies or hangs. */
export class Seat {
  #child: ChildProcess | null = null

  run(task: Task): Promise<RunResult> {
    this.#child ??= fork(join(import.meta.dirname, 'worker.ts'), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const child = this.#child
    return new Promise(resolve => {
      const finish = (result: RunResult): void => {
        clearTimeout(limit)
        child.removeAllListeners()
        resolve(result)
      }
      const lost = (text: string): void => {
        this.#child = null
        child.kill('SIGKILL')
        finish(failed(task, text))
      }
      const limit = setTimeout(() => lost(`no end after ${RUN_MS_MAX / 1000} s`), RUN_MS_MAX)
      child.once('message', message => finish(message as RunResult))
      child.once('exit', (code, signal) => lost(`the process ended with ${signal ?? code}`))
      child.send(task)
    })
  }

  leave(): void {
    this.#child?.disconnect()
    this.#child = null
  }
}

function failed({ seed }: Task, text: string): RunResult {
  const failure = { invariant: 'process', text: `process: ${text}` }
  return { seed, failure, steps: 0, virtualMs: 0, wallMs: 0, counts: {}, digest: '' }
}
