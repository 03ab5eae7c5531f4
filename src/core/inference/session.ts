import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type * as Ort from 'onnxruntime-node'
import { CPU, type Device, DeviceUnavailableError, formatDevice } from '../devices/device.js'
import { explainFailure } from '../devices/explainFailure.js'
import type { ChildSettings } from './childProcess/messages.js'
import { float16ToFloat32, float32ToFloat16 } from './float16.js'
import { ModelFileError, type ModelFolder } from './modelFile.js'

/** The part of onnxruntime-node that is used; passed in, because the library reads its environment when it is loaded. */
export type OnnxRuntime = Pick<typeof Ort, 'InferenceSession' | 'Tensor' | 'env'>

/** A dense array of numbers with its dimensions, row-major. */
export type FloatTensor = { data: Float32Array; dims: readonly number[] }
/** What a graph input is fed with; it is converted to the element type that the graph declares. */
export type Feed = { data: Float32Array | readonly number[]; dims: readonly number[] }

/** An output that stays with the runtime, to be fed to the next run without a copy. */
export type KeptTensor = { readonly kept: Ort.Tensor }

/** One network of a model, loaded. */
export type ModelSession = {
  /** Path inside the model's folder, for messages. */
  file: string
  /** True when the runtime left some of the network's operators to the processor, though another device was asked for. */
  partlyOnCpu: boolean
  hasInput(name: string): boolean
  hasOutput(name: string): boolean
  /** Number of dimensions that the graph declares for an input; undefined when it declares none. */
  inputRank(name: string): number | undefined
  /** Element type of an input, e.g. `float16`; undefined when there is none of that name. */
  inputType(name: string): string | undefined
  /** The graph's inputs in order, with the dimensions it declares: numbers, or names of what is free. */
  inputs: readonly { name: string; shape: readonly (number | string)[] }[]
  /**
   * Runs the network once. Every input of the graph must be fed, and inputs it does not have are an error.
   *
   * @throws ModelFileError when the graph and the feeds do not fit.
   */
  run<Name extends string>(feeds: Record<string, Feed>, outputs: readonly Name[]): Promise<Record<Name, FloatTensor>>
  /**
   * As {@link run}, for networks that remember: `kept` outputs come back as they are, for the feeds of a later run.
   *
   * @throws ModelFileError when the graph and the feeds do not fit.
   */
  runKeeping<Name extends string>(
    feeds: Record<string, Feed | KeptTensor>,
    outputs: readonly Name[],
    kept: readonly string[],
  ): Promise<{ outputs: Record<Name, FloatTensor>; kept: KeptTensor[] }>
}

/** Loads networks; keeps what the last tasks used, so that a series of tasks with one model loads it once. */
export type SessionStore = {
  /** @param file path of an ONNX file inside the model's folder. */
  open(model: ModelFolder, file: string): Promise<ModelSession>
  /** How its networks are run, for the result's environment. */
  readonly pins: Record<string, string | number>
}

/**
 * How networks are run on every device. Consensus compares pictures bit by bit up to a few bits of their hash, so this is the same everywhere:
 * thread count, optimisation level and batch layout each change the last bits of a result. Layout optimisations (level `all`)
 * depend on the processor's vector width and are therefore left out.
 */
export const SESSION_PINS = {
  intraOpThreads: 1,
  interOpThreads: 1,
  graphOptimizationLevel: 'extended',
} as const

/** More than the networks of one task: a session that is closed while its task holds it would fail. */
const MAXIMUM_SESSIONS = 16

/** Creates an empty session store over a loaded runtime: on the processor with one thread, unless told otherwise. */
export function createSessionStore(
  ort: OnnxRuntime,
  settings: ChildSettings = { device: CPU, intraOpThreads: SESSION_PINS.intraOpThreads },
): SessionStore {
  const sessions = new Map<string, Promise<{ session: ModelSession; release(): Promise<void> }>>()

  const { device, intraOpThreads } = settings
  return {
    pins: { executionProvider: device.provider, device: formatDevice(device), ...SESSION_PINS, intraOpThreads },

    async open(model, file) {
      const path = join(model.path, file)
      const stamp = await stat(path).catch((cause: unknown) => {
        throw new ModelFileError(model, file, 'is missing', cause)
      })
      const key = `${path}\n${stamp.mtimeMs}\n${stamp.size}`
      let opened = sessions.get(key)
      sessions.delete(key)
      opened ??= openSession(ort, settings, model, file)
      // Re-inserted, so that the map's order is by last use.
      sessions.set(key, opened)
      opened.catch(() => sessions.delete(key))
      const { session } = await opened
      for (const [oldest, old] of sessions) {
        if (sessions.size <= MAXIMUM_SESSIONS) break
        sessions.delete(oldest)
        await old.then(({ release }) => release()).catch(() => undefined)
      }
      return session
    },
  }
}

async function openSession(ort: OnnxRuntime, settings: ChildSettings, model: ModelFolder, file: string) {
  const { raw, partlyOnCpu } = await createRaw(ort, settings, model, file)
  const inputs = new Map(raw.inputMetadata.map((input) => [input.name, input]))

  const toTensor = (name: string, { data, dims }: Feed): Ort.Tensor => {
    const input = inputs.get(name)
    if (!input?.isTensor) throw new ModelFileError(model, file, `has no input '${name}'`)
    switch (input.type) {
      case 'float32':
        return new ort.Tensor('float32', Float32Array.from(data), dims)
      case 'float16':
        return new ort.Tensor('float16', float32ToFloat16(data), dims)
      case 'float64':
        return new ort.Tensor('float64', Float64Array.from(data), dims)
      case 'int64':
        return new ort.Tensor(
          'int64',
          BigInt64Array.from(data as ArrayLike<number> & Iterable<number>, truncated),
          dims,
        )
      case 'int32':
        return new ort.Tensor('int32', Int32Array.from(data), dims)
      default:
        throw new ModelFileError(model, file, `wants '${name}' as ${input.type}, which is not supported`)
    }
  }

  const session: ModelSession = {
    file,
    partlyOnCpu,
    hasInput: (name) => inputs.has(name),
    hasOutput: (name) => raw.outputNames.includes(name),
    inputRank: (name) => {
      const input = inputs.get(name)
      return input?.isTensor ? input.shape.length : undefined
    },
    inputType: (name) => {
      const input = inputs.get(name)
      return input?.isTensor ? input.type : undefined
    },
    inputs: raw.inputMetadata.map((input) => ({ name: input.name, shape: input.isTensor ? input.shape : [] })),
    async run(feeds, outputs) {
      return toRecord(await runRaw(feeds, outputs), outputs)
    },
    async runKeeping(feeds, outputs, kept) {
      const results = await runRaw(feeds, [...outputs, ...kept])
      return {
        outputs: toRecord(results, outputs),
        kept: kept.map((name) => ({ kept: results[name] as Ort.Tensor })),
      }
    },
  }

  const toRecord = <Name extends string>(results: Ort.InferenceSession.OnnxValueMapType, names: readonly Name[]) =>
    Object.fromEntries(names.map((name) => [name, toFloats(results[name])])) as Record<Name, FloatTensor>

  const runRaw = async (feeds: Record<string, Feed | KeptTensor>, outputs: readonly string[]) => {
    const missing = raw.inputNames.find((name) => !Object.hasOwn(feeds, name))
    if (missing !== undefined)
      throw new ModelFileError(model, file, `needs an input '${missing}' that this pipeline does not have`)
    const absent = outputs.find((name) => !raw.outputNames.includes(name))
    if (absent !== undefined) throw new ModelFileError(model, file, `has no output '${absent}'`)
    const tensors = Object.fromEntries(
      Object.entries(feeds).map(([name, feed]) => [name, 'kept' in feed ? feed.kept : toTensor(name, feed)]),
    )
    try {
      return await raw.run(tensors, [...outputs])
    } catch (cause) {
      throwDeviceFailure(settings.device, cause)
      throw new ModelFileError(model, file, 'could not be run on inputs of this size', cause)
    }
  }

  const toFloats = (value: Ort.OnnxValue | undefined): FloatTensor => {
    if (value?.type === 'float32') return { data: value.data as Float32Array, dims: value.dims }
    if (value?.type === 'float16') {
      const data = value.data as unknown as Uint16Array
      return { data: float16ToFloat32(new Uint16Array(data.buffer, data.byteOffset, data.length)), dims: value.dims }
    }
    if (value?.type === 'bool') return { data: Float32Array.from(value.data as Uint8Array), dims: value.dims }
    throw new ModelFileError(model, file, `gives values of type ${value?.type ?? 'none'}, not floating point`)
  }

  return { session, release: () => raw.release() }
}

/** A session of the runtime, and whether the device left some of its operators to the processor. */
async function createRaw(
  ort: OnnxRuntime,
  { device, intraOpThreads }: ChildSettings,
  model: ModelFolder,
  file: string,
): Promise<{ raw: Ort.InferenceSession; partlyOnCpu: boolean }> {
  const create = (fallback: boolean) =>
    // By path: external weights are then mapped into memory instead of being copied.
    ort.InferenceSession.create(join(model.path, file), {
      ...deviceOptions(device, { fallback }),
      intraOpNumThreads: intraOpThreads,
      interOpNumThreads: SESSION_PINS.interOpThreads,
      graphOptimizationLevel: SESSION_PINS.graphOptimizationLevel,
      logSeverityLevel: 4,
    })
  try {
    if (device.provider === 'cpu') return { raw: await create(true), partlyOnCpu: false }
    try {
      return { raw: await create(false), partlyOnCpu: false }
    } catch (error) {
      // Decided while the graph is divided, before weights are copied to the device: the second attempt costs little.
      if (!(error instanceof Error && error.message.includes('fallback to CPU EP'))) throw error
      return { raw: await create(true), partlyOnCpu: true }
    }
  } catch (cause) {
    throwDeviceFailure(device, cause)
    const complaint = device.provider === 'cpu' ? '' : `, or ${formatDevice(device)} cannot run it`
    throw new ModelFileError(model, file, `is damaged or not an ONNX model${complaint}`, cause)
  }
}

/**
 * The runtime's options for a device. Without `fallback` a graph of which the device cannot run everything is refused. With it the runtime
 * itself places what is about shapes, and what the provider lacks, on the processor.
 */
export function deviceOptions(
  { provider, index }: Device,
  { fallback }: { fallback: boolean },
): Pick<Ort.InferenceSession.SessionOptions, 'executionProviders' | 'extra'> {
  if (provider === 'cpu') return { executionProviders: ['cpu'] }
  const indexed = provider === 'cuda' || provider === 'tensorrt' || provider === 'dml'
  return {
    executionProviders: [indexed ? { name: provider, deviceId: index } : provider],
    extra: { session: { disable_cpu_ep_fallback: fallback ? '0' : '1', use_deterministic_compute: '1' } },
  }
}

/** Not every failure on a device is the model's: its memory may be too small, its driver gone. */
function throwDeviceFailure(device: Device, cause: unknown): void {
  if (device.provider === 'cpu') return
  const failure = explainFailure(device, cause instanceof Error ? cause.message : '')
  if (failure) throw new DeviceUnavailableError(device, failure)
}

/** Integer inputs take the whole part, as a cast to an integer type does in the original. */
const truncated = (value: number): bigint => BigInt(Math.trunc(value))
