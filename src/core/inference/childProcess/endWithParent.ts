import { Worker } from 'node:worker_threads'

/**
 * Ends this process when its parent has ended, also while a network is being run.
 *
 * The end of the channel is an event, and a run blocks the thread that would see it, for minutes if the picture is large; so a
 * second thread looks who the parent is. Orphans get another parent on POSIX; on Windows the old one is gone.
 */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit(0))
  // As text, because a bundle has no file for it.
  const watch = `
    const { workerData } = require('node:worker_threads')
    const gone = () => {
      if (process.ppid !== workerData.parent) return true
      try { process.kill(workerData.parent, 0) } catch (error) { return error.code === 'ESRCH' }
      return false
    }
    setInterval(() => { if (gone()) process.kill(process.pid, 'SIGKILL') }, ${CHECK_MS})`
  new Worker(watch, { eval: true, workerData: { parent: process.ppid } }).unref()
}

const CHECK_MS = 500
