import type { TaskProgress } from '../../roles/app/taskProgress.js'
import type { StepDefinition, StepView } from '../../ui/stepView.js'

/** The steps of a task as people see them. */
export type TaskStepId = 'pay' | 'draw' | 'send' | 'compute' | 'reveal' | 'upload' | 'verify' | 'forget'

export const TASK_STEPS: readonly StepDefinition<TaskStepId>[] = [
  { id: 'pay', title: 'Pay and queue the task' },
  { id: 'draw', title: 'Draw three nodes' },
  { id: 'send', title: 'Seal the arguments to them' },
  { id: 'compute', title: 'Nodes compute and commit' },
  { id: 'reveal', title: 'Nodes reveal their scores' },
  { id: 'upload', title: 'One of them uploads the sealed result' },
  { id: 'verify', title: 'Fetch, open and verify it' },
  { id: 'forget', title: 'Relay deletes everything' },
]

/**
 * Tells a view what happens to a task. Whatever an event implies is over is ended, too: a resumed task does not go through all
 * steps again.
 */
export function showTaskProgress(view: StepView<TaskStepId>): (event: TaskProgress) => void {
  // How many nodes have done what they should in a step; it may end without the third.
  const reached = new Map<TaskStepId, string>()
  const endBefore = (id: TaskStepId) => {
    for (const step of TASK_STEPS) {
      if (step.id === id) return
      view.done(step.id, reached.get(step.id))
    }
  }
  const end = (id: TaskStepId, text?: string) => {
    endBefore(id)
    view.done(id, text)
  }
  // Unix seconds; 0 while unknown, and when the step was over before we looked.
  let commitDeadline = 0
  return (event) => {
    switch (event.at) {
      case 'prepared':
        return view.note(
          'pay',
          `${event.resumed ? 'resuming ' : ''}task ${event.taskId}, key ${event.key || 'unknown'}`,
        )
      case 'transaction':
        if (event.what === 'deposit') return view.note('pay', 'deposited what the ledger balance was short of')
        return event.what === 'create' ? end('pay', 'the fee is in escrow') : undefined
      case 'pendingTransactions':
        return view.note('pay', 'waiting for earlier transactions of the wallet')
      case 'queued':
        return view.note('draw', `${event.freeNodes} of 3 nodes are free; waiting`)
      case 'drawn':
        commitDeadline = event.commitDeadline
        return end('draw', event.nodes.map(short).join(', '))
      case 'argumentsSent':
        return end('send', `${event.bytes} bytes at the relay, which cannot open them`)
      case 'committed':
        reached.set('compute', outOfThree(event.count))
        return event.count === 3
          ? end('compute', outOfThree(event.count))
          : view.note('compute', `${event.count} of 3 committed${timeLeft(commitDeadline)}`)
      case 'revealed':
        endBefore('reveal')
        reached.set('reveal', outOfThree(event.count))
        return event.count === 3
          ? end('reveal', outOfThree(event.count))
          : view.note('reveal', `${event.count} of 3 revealed`)
      case 'uploadAwaited':
        endBefore('upload')
        return view.note(
          event.replacement ? 'verify' : 'upload',
          event.replacement
            ? `${short(event.uploader)} is to replace the faulty result`
            : `by ${short(event.uploader)}`,
        )
      case 'completed':
        return end('upload', event.uploader ? `by ${short(event.uploader)}` : undefined)
      case 'uploadFaulty':
        return view.note('verify', `the upload is faulty (${event.reason}); asking the relay for a proof`)
      case 'verified':
        return view.note('verify', 'the files have the agreed score')
      case 'written':
        return end('verify', event.paths.join(', '))
      case 'acknowledged':
        return end('forget', event.receipt ? 'with a signed receipt' : 'without a receipt')
      case 'warning':
        return view.note('forget', event.message)
    }
  }
}

const outOfThree = (count: number): string =>
  count === 3 ? 'all three' : count === 2 ? 'two of three' : 'one of three'

/** Why somebody waits: a silent node is waited for until its deadline. */
const timeLeft = (deadline: number): string =>
  deadline === 0 ? '' : `; the others have until ${new Date(deadline * 1_000).toISOString().slice(11, 19)} UTC`

const short = (address: string): string => `${address.slice(0, 8)}…`
