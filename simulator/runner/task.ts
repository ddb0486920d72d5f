import { runBrokerSeed } from '../brokers/run.ts'
import { type RunResult, runSeed } from '../run.ts'

/** One run, as the options say it. */
export type Task = {
  readonly seed: number
  readonly nodes: number | null
  readonly brokers: number | null
}

export function runTask(task: Task, write: ((line: string) => void) | null): Promise<RunResult> {
  const { brokers } = task
  return brokers === null ? runSeed({ ...task, write }) : runBrokerSeed({ ...task, brokers, write })
}
