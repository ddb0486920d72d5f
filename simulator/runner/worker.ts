import { runSeed } from '../run.ts'
import type { Task } from './seat.ts'

/** Runs the seeds that come as messages, one after the other; ends when nobody listens any more. */
process.on('message', async (task: Task) => {
  process.send!(await runSeed({ ...task, write: null }))
})
