import { runTask, type Task } from './task.ts'

/** Runs the seeds that come as messages, one after the other; ends when nobody listens any more. */
process.on('message', async (task: Task) => {
  // Who asked may have gone meanwhile.
  process.send!(await runTask(task, null), () => {})
})
// A Ctrl-C reaches this process too; the run under way ends first.
process.on('SIGINT', () => {})
