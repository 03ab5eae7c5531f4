import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { packageRoot } from '../../base/packageRoot.js'
import type { FromChild, ToChild } from '../inference/childProcess/messages.js'
import { startChild } from '../inference/childProcess/startChild.js'
import { type Device, type DeviceFailure, DeviceUnavailableError } from './device.js'
import { explainFailure, failure, firstLine } from './explainFailure.js'

export type ProbeOptions = {
  signal?: AbortSignal
  /** Default 60 s: drivers compile kernels when they are first used. */
  timeoutMs?: number
  /** The child's entry file; the bundle's by default. */
  childEntry?: string
}

/** What a probe found. */
export type Probe = { available: true } | ({ available: false } & DeviceFailure)

/**
 * Finds out whether a device computes, by letting it compute something small in a process of its own: drivers that crash or hang take
 * nothing else with them.
 *
 * @throws the signal's reason; a device that cannot be used is a result, not an error.
 */
export async function probeDevice(device: Device, options: ProbeOptions = {}): Promise<Probe> {
  const { signal, timeoutMs = 60_000, childEntry = join(packageRoot, 'dist', 'inferenceChild.js') } = options
  signal?.throwIfAborted()
  const child = startChild({ entry: childEntry, memoryLimitMb: 512, device, intraOpThreads: 1, stderr: 'pipe' })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < MAXIMUM_STDERR) said += text
  })
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => resolve())
    if (child.pid === undefined) resolve()
  })
  const unavailable = (reason: string): Probe => ({ available: false, ...failure(device, reason) })
  try {
    const answer = await ask(child, { ...(signal ? { signal } : {}), timeoutMs })
    if (answer.ended === 'answer' && answer.error === undefined) return { available: true }
    if (answer.ended === 'late') return unavailable(`it did not compute anything within ${timeoutMs / 1000} s`)
    // What the libraries say comes through another pipe, which is complete when the process is gone.
    child.kill('SIGKILL')
    await gone
    const message = answer.ended === 'answer' ? (answer.error ?? '') : ''
    const known = explainFailure(device, `${said}\n${message}`)
    if (known) return { available: false, ...known }
    return unavailable(answer.ended === 'exit' ? `its driver ended the process (${answer.how})` : firstLine(message))
  } finally {
    child.kill('SIGKILL')
    await gone
  }
}

/** @throws DeviceUnavailableError for the first device that does not compute; the processor is not asked. */
export async function requireDevices(devices: readonly Device[], options: ProbeOptions = {}): Promise<void> {
  for (const device of devices) {
    if (device.provider === 'cpu') continue
    const probe = await probeDevice(device, options)
    if (!probe.available) throw new DeviceUnavailableError(device, probe)
  }
}

/** Enough for what a loader says, little enough for a driver that talks without end. */
const MAXIMUM_STDERR = 64 * 1024

type Answer = { ended: 'answer'; error: string | undefined } | { ended: 'exit'; how: string } | { ended: 'late' }

async function ask(
  child: ChildProcess,
  { signal, timeoutMs }: { signal?: AbortSignal; timeoutMs: number },
): Promise<Answer> {
  const ending = new AbortController()
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => resolve({ ended: 'late' }), timeoutMs)
      ending.signal.addEventListener('abort', () => clearTimeout(timer))
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true, signal: ending.signal })
      child.once('exit', (code, killedBy) => resolve({ ended: 'exit', how: killedBy ?? `exit ${code}` }))
      child.once('error', () => resolve({ ended: 'exit', how: 'not started' }))
      child.once('message', (message: FromChild) => {
        if (message.type === 'probed') resolve({ ended: 'answer', error: message.error })
      })
      child.send({ type: 'probe' } satisfies ToChild, () => {})
    })
  } finally {
    ending.abort()
  }
}
