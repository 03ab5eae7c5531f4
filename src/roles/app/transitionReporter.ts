import type { Address } from '../../base/hex.js'
import type { ChainTask } from '../../chain/read/task.js'
import type { TaskProgress } from './taskProgress.js'

/**
 * Turns successive readings of a task into what happened between them, each thing once and in the order of the journey, also
 * when several happened between two readings.
 */
export function createTransitionReporter({
  onProgress,
  mark,
}: {
  onProgress(event: TaskProgress): void
  /** Notes the time of a transition's first sight. */
  mark(name: 'created' | 'drawn' | 'committed' | 'decided' | 'completed'): void
}): (task: ChainTask | null) => void {
  let drawn = false
  let committed = 0
  let revealed = 0
  let awaited: Address | null = null
  let completed = false
  return (task) => {
    if (!task) return
    mark('created')
    if (task.slots.length === 0) return
    if (!drawn) {
      drawn = true
      mark('drawn')
      onProgress({ at: 'drawn', nodes: task.slots.map(({ node }) => node), commitDeadline: task.commitDeadline })
    }
    const commits = task.slots.filter((slot) => slot.committed).length
    if (commits > committed) onProgress({ at: 'committed', count: commits })
    committed = Math.max(committed, commits)
    if (task.state !== 'started') mark('committed')
    const reveals = task.slots.filter((slot) => slot.revealed).length
    if (reveals > revealed) onProgress({ at: 'revealed', count: reveals })
    revealed = Math.max(revealed, reveals)
    if (task.state === 'started' || task.state === 'revealing') return
    mark('decided')
    const waiting = task.state === 'awaitingUpload' || task.redelivery
    if (waiting && task.uploader && task.uploader !== awaited) {
      awaited = task.uploader
      onProgress({ at: 'uploadAwaited', uploader: task.uploader, replacement: task.redelivery })
      if (task.redelivery) completed = false
    }
    if (task.state !== 'completed' || task.redelivery || completed) return
    completed = true
    mark('completed')
    onProgress({ at: 'completed', uploader: task.uploader })
  }
}
