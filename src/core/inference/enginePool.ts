import type { Clock } from '../../base/clock.js'
import { CrynuxError } from '../../base/errors.js'
import type { Logger } from '../../base/logger.js'
import { type Device, formatDevice } from '../devices/device.js'
import { type InferenceEngine, InferenceTimeoutError } from './engine.js'

/** One engine for each device. */
export type EnginePoolOptions = {
  devices: readonly Device[]
  createEngine(device: Device): InferenceEngine
  clock: Pick<Clock, 'now'>
  logger: Logger
}

/**
 * Several devices as one engine: a task runs on the first device that is free, or waits for one. A task whose process dies is tried on the
 * other devices, once on each, while there is time: a driver that fails must not cost the node its stake.
 */
export function createEnginePool({ devices, createEngine, clock, logger }: EnginePoolOptions): InferenceEngine {
  const places = devices.map((device) => ({ device, engine: createEngine(device), busy: false, failures: 0 }))
  const waiting: { tried: ReadonlySet<Place>; take(place: Place): void }[] = []
  type Place = (typeof places)[number]

  /** The free device that failed least, among those not tried; undefined when all of them are busy. */
  function freePlace(tried: ReadonlySet<Place>): Place | undefined {
    return places
      .filter((place) => !place.busy && !tried.has(place))
      .reduce<Place | undefined>((best, place) => (best && best.failures <= place.failures ? best : place), undefined)
  }

  async function acquire(tried: ReadonlySet<Place>, signal: AbortSignal): Promise<Place> {
    signal.throwIfAborted()
    const free = freePlace(tried)
    if (free) {
      free.busy = true
      return free
    }
    const done = new AbortController()
    try {
      return await new Promise<Place>((take, reject) => {
        const entry = { tried, take }
        waiting.push(entry)
        const onAbort = () => {
          const at = waiting.indexOf(entry)
          if (at < 0) return
          waiting.splice(at, 1)
          reject(signal.reason)
        }
        signal.addEventListener('abort', onAbort, { signal: done.signal })
      })
    } finally {
      done.abort()
    }
  }

  function release(place: Place): void {
    place.busy = false
    const next = waiting.findIndex(({ tried }) => !tried.has(place))
    if (next < 0) return
    // Busy at once: whoever asks before the one that waited goes on must not get the same device.
    place.busy = true
    waiting.splice(next, 1)[0]?.take(place)
  }

  return {
    async run(task, { timeoutMs, ...options }) {
      const startedAt = clock.now()
      const tried = new Set<Place>()
      for (;;) {
        const place = await acquire(tried, options.signal)
        try {
          const left = timeoutMs === undefined ? undefined : timeoutMs - (clock.now() - startedAt)
          if (timeoutMs !== undefined && left !== undefined && left <= 0) throw new InferenceTimeoutError(timeoutMs)
          const result = await place.engine.run(task, {
            ...options,
            ...(left === undefined ? {} : { timeoutMs: left }),
          })
          place.failures = 0
          return result
        } catch (error) {
          tried.add(place)
          if (!isOfDevice(error) || options.signal.aborted || tried.size === places.length) throw error
          place.failures++
          logger.warn({ error, device: formatDevice(place.device) }, 'the device failed; the task is tried on another')
        } finally {
          release(place)
        }
      }
    },
    async close() {
      await Promise.all(places.map(({ engine }) => engine.close()))
    },
  }
}

/** Whether it is the device that could not go on, and not the task. */
const isOfDevice = (error: unknown): boolean =>
  error instanceof CrynuxError &&
  (error.code === 'CRYNUX_INFERENCE_CRASHED' || error.code === 'CRYNUX_DEVICE_UNAVAILABLE')
