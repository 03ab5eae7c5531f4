import { constants } from 'node:os'

/** How long a process that lost its parent may take to leave. */
const ORPHAN_PATIENCE_MS = 3_000

export type StopSignal = {
  /** Aborts at the first SIGINT or SIGTERM: take no new work, finish, leave cleanly. */
  signal: AbortSignal
  /** 128 + the signal's number, as shells report it. */
  exitStatus(): number
}

let installed: StopSignal | undefined

/**
 * Turns SIGINT and SIGTERM into an AbortSignal; the second one calls `onSecond`.
 *
 * With `CRYNUX_EXIT_WITH_PARENT=1` the end of stdin (or of the IPC channel) counts as SIGTERM: whoever started this process
 * may have been killed without a chance to stop it. SIGINT is then left to the parent: Ctrl-C in a terminal reaches every
 * process at once, and the parent stops its children in the right order.
 */
export function stopSignal({ onSecond }: { onSecond(exitStatus: number): void }): StopSignal {
  const controller = new AbortController()
  let status = 128 + constants.signals.SIGTERM
  const stop = (name: 'SIGINT' | 'SIGTERM') => {
    if (controller.signal.aborted) return onSecond(128 + constants.signals[name])
    status = 128 + constants.signals[name]
    controller.abort(new DOMException(`stopped by ${name}`, 'AbortError'))
  }
  const watchesParent = process.env.CRYNUX_EXIT_WITH_PARENT === '1'
  process.on('SIGINT', () => {
    if (!watchesParent) stop('SIGINT')
  })
  process.on('SIGTERM', () => stop('SIGTERM'))
  if (watchesParent) {
    const orphaned = () => {
      if (!controller.signal.aborted) stop('SIGTERM')
      // The chain and the relay are probably gone too: leaving in good order may be impossible.
      setTimeout(() => onSecond(status), ORPHAN_PATIENCE_MS).unref()
    }
    if (process.channel) process.on('disconnect', orphaned)
    else process.stdin.resume().once('end', orphaned).once('close', orphaned).unref?.()
  }
  installed = { signal: controller.signal, exitStatus: () => status }
  return installed
}

/** The signal that was installed by the program's entry; never aborts in a library or a test. */
export const currentStopSignal = (): AbortSignal => installed?.signal ?? new AbortController().signal
