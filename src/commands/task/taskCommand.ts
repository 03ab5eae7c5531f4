import { Command } from 'commander'
import { taskCancelCommand } from './cancel.js'
import { taskListCommand } from './list.js'
import { taskStatusCommand } from './status.js'
import { taskSubmitCommand } from './submit.js'
import { taskResultCommand, taskWaitCommand } from './wait.js'

/** `crynux task`: the application's side. */
export const taskCommand = (): Command =>
  new Command('task')
    .description('Submit tasks, follow them, fetch their results')
    .addCommand(taskSubmitCommand())
    .addCommand(taskStatusCommand())
    .addCommand(taskWaitCommand())
    .addCommand(taskResultCommand())
    .addCommand(taskCancelCommand())
    .addCommand(taskListCommand())
