import { runTask, type Task } from './task.ts'

/** Runs the seeds that come as messages, one after the other; ends when nobody listens any more. */
process.on('message', async (task: Task) => {
  process.send!(await runTask(task, null))
})
