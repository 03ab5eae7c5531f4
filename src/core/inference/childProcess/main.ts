// Entry of the inference process. It is a process of its own because a run blocks its JavaScript thread from start to end and can
// only be stopped by killing it; it also keeps decoders and model parsers away from keys and sockets.
import { performance } from 'node:perf_hooks'
import { CrynuxError } from '../../../base/errors.js'
import { createSessionStore, type OnnxRuntime, type SessionStore } from '../session.js'
import { endWithParent } from './endWithParent.js'
import type { ChildSettings, ErrorReport, FromChild, RunRequest, ToChild } from './messages.js'
import { probeProvider } from './probeProvider.js'
import { runTask } from './runTask.js'

const settings = JSON.parse(process.argv[2] ?? '') as ChildSettings
let loaded: Promise<{ ort: OnnxRuntime; sessions: SessionStore }> | undefined

async function load() {
  // Read by the runtime when it is loaded, hence the late import.
  process.env.ORT_DISABLE_TELEMETRY = '1'
  const ort = await import('onnxruntime-node')
  return { ort, sessions: createSessionStore(ort, settings) }
}

async function run(request: RunRequest): Promise<void> {
  const { id } = request
  try {
    loaded ??= load()
    const result = await runTask(request, {
      ...(await loaded),
      now: () => performance.now(),
      onProgress: (progress) => send({ type: 'progress', id, progress }),
    })
    send({ type: 'result', id, result })
  } catch (error) {
    send({ type: 'error', id, error: report(error) })
  }
}

async function probe(): Promise<void> {
  try {
    loaded ??= load()
    await probeProvider((await loaded).ort, settings.device)
    send({ type: 'probed' })
  } catch (error) {
    send({ type: 'probed', error: error instanceof Error ? error.message : 'unknown' })
  }
}

function report(error: unknown): ErrorReport {
  if (error instanceof CrynuxError) {
    const { code, exitCode, message, remedy, details } = error
    return { code, exitCode, message, remedy, details }
  }
  // Messages of foreign errors may quote the prompt; the name says enough to find the place.
  const name = error instanceof Error ? error.name : typeof error
  return {
    code: 'CRYNUX_INFERENCE_FAILED',
    exitCode: 1,
    message: `inference failed (${name})`,
    remedy: REPORT,
    details: {},
  }
}

const REPORT = 'This is a bug in crynux; report it with the task arguments, if they are not secret.'

const send = (message: FromChild): void => {
  process.send?.(message)
}

process.on('message', (message: ToChild) => void (message.type === 'run' ? run(message.request) : probe()))
// The parent decides when this process ends: a Ctrl-C reaches the whole process group, but the parent may want to finish the task.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
endWithParent()
