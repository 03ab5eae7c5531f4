import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { CrynuxError, type CrynuxErrorOptions, EXIT, type ExitCode } from '../../base/errors.js'
import type { Logger } from '../../base/logger.js'
import { packageRoot } from '../../base/packageRoot.js'
import { CPU, type Device } from '../devices/device.js'
import { InvalidArgumentsError, type TaskArguments } from '../task/arguments.js'
import type {
  ErrorReport,
  FromChild,
  InferenceProgress,
  InferenceResult,
  RunRequest,
  ToChild,
} from './childProcess/messages.js'
import { residentMb } from './childProcess/residentMb.js'
import { startChild } from './childProcess/startChild.js'
import type { ModelFolders } from './modelFile.js'

export type { InferenceProgress, InferenceResult } from './childProcess/messages.js'
export type { TextResponse } from './text/textPipeline.js'

/** Runs tasks, one at a time, in a child process that can be killed. */
export type InferenceEngine = {
  /**
   * Runs one task; further calls wait for their turn.
   *
   * @throws InvalidArgumentsError, the model store's errors, ModelFileError, NotSupportedYetError (codes `CRYNUX_MODEL_FILE`,
   * `CRYNUX_NOT_SUPPORTED_YET`, exit 12), InferenceCrashedError, InferenceTimeoutError, or the signal's reason.
   */
  run(task: TaskArguments, options: RunOptions): Promise<InferenceResult>
  /** Ends the child process; a run in progress fails. */
  close(): Promise<void>
}

export type RunOptions = {
  /** Kills the run at once. */
  signal: AbortSignal
  /** Kills the run after this time. */
  timeoutMs?: number
  onProgress?(progress: InferenceProgress): void
}

export type InferenceEngineOptions = {
  /** Folder of a model in the Hugging Face ONNX layout; throws when the model is not there. */
  modelFolder(modelId: string): Promise<string>
  logger: Logger
  /** What networks run on; the processor by default. Whether it is there is for `requireDevice` to find out. */
  device?: Device
  /** Threads inside an operator; 1 by default. 2 gives the same bits, more do not. */
  intraOpThreads?: 1 | 2
  /** Resident memory at which a run is killed (Linux, macOS; on Windows only the JavaScript heap is bounded). Default 8192. */
  memoryLimitMb?: number
  /** Where what is computed from models is kept between runs (merged LoRAs); without it tasks that need it are refused. */
  cacheFolder?: string
  /** The child's entry file; the bundle's by default. */
  childEntry?: string
}

/** Creates an engine; its child process starts with the first run and lives on between runs, with the models loaded. */
export function createInferenceEngine(options: InferenceEngineOptions): InferenceEngine {
  const {
    modelFolder,
    logger,
    device = CPU,
    intraOpThreads = 1,
    cacheFolder,
    memoryLimitMb = 8192,
    childEntry = join(packageRoot, 'dist', 'inferenceChild.js'),
  } = options
  let child: ChildProcess | undefined
  let closed = false
  let lastId = 0
  let turn: Promise<unknown> = Promise.resolve()
  let allGone: Promise<unknown> = Promise.resolve()

  function running(): ChildProcess {
    if (child) return child
    const started = startChild({ entry: childEntry, memoryLimitMb, device, intraOpThreads })
    started.once('exit', () => {
      if (child === started) child = undefined
    })
    logger.debug({ ...(started.pid === undefined ? {} : { pid: started.pid }) }, 'inference process started')
    child = started
    return started
  }

  /** Ends the child process; resolves when every process that was ended is gone. */
  async function kill(): Promise<void> {
    const ending = child
    child = undefined
    if (ending && ending.exitCode === null && ending.signalCode === null) {
      const gone = new Promise<void>((resolve) => {
        ending.once('exit', () => resolve())
        // A process that could not be started never exits.
        if (ending.pid === undefined) resolve()
      })
      // Between runs the child does not keep this process alive; its end is waited for all the same.
      ending.ref()
      ending.kill('SIGKILL')
      allGone = Promise.all([allGone, gone])
    }
    await allGone
  }

  async function runNow(task: TaskArguments, { signal, timeoutMs, onProgress }: RunOptions): Promise<InferenceResult> {
    signal.throwIfAborted()
    if (closed) throw new InferenceCrashedError('the inference engine is closed', { remedy: 'Run the task again.' })
    const request: RunRequest = {
      id: ++lastId,
      task,
      models: await findModels(task, modelFolder),
      ...(cacheFolder === undefined ? {} : { cacheFolder }),
    }
    const process = running()
    const stopping: (() => void)[] = []
    try {
      return await new Promise<InferenceResult>((resolve, reject) => {
        const listen = (message: FromChild) => {
          if (message.type === 'probed' || message.id !== request.id) return
          if (message.type === 'progress') onProgress?.(message.progress)
          else if (message.type === 'result') resolve(message.result)
          else reject(rebuild(message.error))
        }
        const fail = (error: unknown) => {
          reject(error)
          void kill()
        }
        const onExit = (code: number | null, killedBy: string | null) => reject(crashed(code, killedBy))
        const onError = (cause: Error) =>
          fail(new InferenceCrashedError('the inference process cannot be used', { remedy: CRASH_REMEDY, cause }))
        const onAbort = () => fail(signal.reason)
        process.on('message', listen)
        process.once('exit', onExit)
        process.once('error', onError)
        signal.addEventListener('abort', onAbort, { once: true })
        stopping.push(
          () => process.off('message', listen),
          () => process.off('exit', onExit),
          () => process.off('error', onError),
          () => signal.removeEventListener('abort', onAbort),
        )
        if (timeoutMs !== undefined) {
          const timer = setTimeout(() => fail(new InferenceTimeoutError(timeoutMs)), timeoutMs)
          stopping.push(() => clearTimeout(timer))
        }
        stopping.push(
          watchMemory(process, memoryLimitMb, () =>
            fail(
              new InferenceCrashedError(`inference needs more than ${memoryLimitMb} MB of memory`, {
                remedy: 'Ask for smaller pictures, a shorter text or a smaller model, or raise the memory limit.',
                details: { memoryLimitMb },
              }),
            ),
          ),
        )
        // While a run is in progress the child keeps this process alive, between runs it does not.
        process.ref()
        process.channel?.ref()
        process.send({ type: 'run', request } satisfies ToChild, (error) => {
          if (error) onError(error)
        })
      })
    } finally {
      for (const stop of stopping) stop()
      // A process that is being killed is waited for.
      if (child === process) {
        process.unref()
        process.channel?.unref()
      }
    }
  }

  return {
    run(task, runOptions) {
      const result = turn.then(() => runNow(task, runOptions))
      turn = result.catch(ignore)
      return result
    },
    async close() {
      closed = true
      await kill()
    },
  }
}

const ignore = (): void => {}

/** The folders of all models that a task names. */
async function findModels(
  task: TaskArguments,
  modelFolder: InferenceEngineOptions['modelFolder'],
): Promise<ModelFolders> {
  // The id is for messages, and the query of a URL may hold a key.
  const find = async (id: string) => ({ id: id.replace(/[?#].*$/s, '?…'), path: await modelFolder(id) })
  if (task.kind === 'text') return { base: await find(task.arguments.model) }
  const { base_model: base, unet, vae, lora, controlnet, refiner, textual_inversion: textualInversion } = task.arguments
  const extras = {
    unet,
    vae,
    lora: lora?.model,
    controlnet: controlnet?.model,
    refiner: refiner?.model,
    textualInversion,
  }
  const folders: ModelFolders = { base: await find(typeof base === 'string' ? base : base.name) }
  for (const [kind, id] of Object.entries(extras)) {
    if (id) folders[kind as keyof typeof extras] = await find(id)
  }
  return folders
}

/** Calls `onExceeded` once when the process's resident memory passes the limit; returns a function that ends the watch. */
function watchMemory(process: ChildProcess, limitMb: number, onExceeded: () => void): () => void {
  let ended = false
  let timer: NodeJS.Timeout
  const look = async () => {
    const used = process.pid === undefined ? undefined : await residentMb(process.pid)
    if (ended) return
    if (used !== undefined && used > limitMb) return onExceeded()
    timer = setTimeout(look, MEMORY_CHECK_MS).unref()
  }
  timer = setTimeout(look, MEMORY_CHECK_MS).unref()
  return () => {
    ended = true
    clearTimeout(timer)
  }
}

const MEMORY_CHECK_MS = 200

const CRASH_REMEDY =
  'Run the task again; if it happens again, the model or the machine (memory, processor) is at fault.'

const crashed = (code: number | null, killedBy: string | null) =>
  new InferenceCrashedError(`the inference process ended unexpectedly (${killedBy ?? `exit ${code}`})`, {
    remedy: CRASH_REMEDY,
  })

function rebuild({ code, exitCode, message, remedy, details }: ErrorReport): CrynuxError {
  if (code === 'CRYNUX_INVALID_ARGUMENTS') return new InvalidArgumentsError(message, { remedy, details })
  return new RemoteInferenceError(message, {
    remedy,
    details,
    code: code as `CRYNUX_${string}`,
    exitCode: exitCode as ExitCode,
  })
}

/** An error of the child process, under its own code and exit status, e.g. `CRYNUX_MODEL_FILE`. */
export class RemoteInferenceError extends CrynuxError {
  override readonly code: `CRYNUX_${string}`
  override readonly exitCode: ExitCode

  constructor(message: string, options: CrynuxErrorOptions & { code: `CRYNUX_${string}`; exitCode: ExitCode }) {
    super(message, options)
    this.code = options.code
    this.exitCode = options.exitCode
  }
}

/** The child process died or was killed for its memory. */
export class InferenceCrashedError extends CrynuxError {
  override readonly code = 'CRYNUX_INFERENCE_CRASHED'
  override readonly exitCode = EXIT.internal
}

/** A run took longer than it may. */
export class InferenceTimeoutError extends CrynuxError {
  override readonly code = 'CRYNUX_INFERENCE_TIMEOUT'
  override readonly exitCode = EXIT.timedOut

  constructor(timeoutMs: number) {
    super(`inference took longer than ${timeoutMs / 1000} s`, {
      remedy: 'Ask for fewer steps, smaller pictures or fewer tokens, or give the task more time.',
      details: { timeoutMs },
    })
  }
}
