import { type ChildProcess, fork } from 'node:child_process'
import type { ChildSettings } from './messages.js'

export type StartOptions = ChildSettings & {
  /** The child's entry file. */
  entry: string
  /** MB; the JavaScript heap gets no more than 2048 of it. */
  memoryLimitMb: number
  /** What native libraries say there; by default it is thrown away. */
  stderr?: 'pipe'
}

/** Starts an inference process. Only its starter can end it: see `endWithParent.ts` for what happens when the starter dies. */
export function startChild({ entry, memoryLimitMb, stderr, ...settings }: StartOptions): ChildProcess {
  const started = fork(entry, [JSON.stringify(settings satisfies ChildSettings)], {
    serialization: 'advanced',
    // Its heap holds a few pictures; weights are native memory, which the engine's watch bounds.
    execArgv: [`--max-old-space-size=${Math.min(memoryLimitMb, 2048)}`],
    env: childEnvironment(process.env, settings),
    stdio: ['ignore', 'ignore', stderr ?? 'ignore', 'ipc'],
  })
  // Each user listens for itself; between runs an 'error' event without a listener would be thrown.
  started.on('error', () => {})
  return started
}

/** What a process needs to find its libraries and its temporary folder. */
const EVERYWHERE = ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'SystemRoot', 'TMPDIR', 'TEMP']

/** What drivers of GPUs need besides: which devices and drivers there are, and where compiled kernels are kept. */
const FOR_GPUS = [
  ...['CUDA_VISIBLE_DEVICES', 'CUDA_DEVICE_ORDER', 'CUDA_PATH', 'NVIDIA_VISIBLE_DEVICES'],
  ...['VK_ICD_FILENAMES', 'VK_DRIVER_FILES', 'XDG_RUNTIME_DIR', 'HOME', 'LOCALAPPDATA', 'ProgramFiles', 'windir'],
]

/**
 * No more of the environment than a process needs: settings may name wallets, and variables of onnxruntime and OpenMP
 * (`ORT_…`, `OMP_NUM_THREADS`) could change results.
 */
function childEnvironment(environment: NodeJS.ProcessEnv, { device }: ChildSettings): NodeJS.ProcessEnv {
  const names = device.provider === 'cpu' ? EVERYWHERE : [...EVERYWHERE, ...FOR_GPUS]
  // Devices are then counted as nvidia-smi counts them.
  const inherited = names.filter((name) => environment[name] !== undefined).map((name) => [name, environment[name]])
  return {
    ...(device.provider === 'cpu' ? {} : { CUDA_DEVICE_ORDER: 'PCI_BUS_ID' }),
    ...Object.fromEntries(inherited),
    ORT_DISABLE_TELEMETRY: '1',
    NODE_ENV: 'production',
  }
}
