/**
 * A signal that aborts after `ms`, for use inside `AbortSignal.any`. It keeps no process alive.
 *
 * Node 20 forgets an `AbortSignal.timeout` that only `AbortSignal.any` refers to at the next garbage collection, and then nothing
 * ever ends the wait; a timer holds this one.
 */
export function timeoutSignal(ms: number): AbortSignal {
  const controller = new AbortController()
  setTimeout(() => controller.abort(new DOMException('it took too long', 'TimeoutError')), ms).unref()
  return controller.signal
}
