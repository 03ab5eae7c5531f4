import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type * as Ort from 'onnxruntime-node'
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
  hasInput(name: string): boolean
  hasOutput(name: string): boolean
  /** Number of dimensions that the graph declares for an input; undefined when it declares none. */
  inputRank(name: string): number | undefined
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
}

/**
 * How networks are run. Consensus compares pictures bit by bit up to a few bits of their hash, so this is the same everywhere:
 * thread count, optimisation level and batch layout each change the last bits of a result. Layout optimisations (level `all`)
 * depend on the processor's vector width and are therefore left out.
 */
export const SESSION_PINS = {
  executionProvider: 'cpu',
  intraOpThreads: 1,
  graphOptimizationLevel: 'extended',
} as const

/** More than the networks of one task: a session that is closed while its task holds it would fail. */
const MAXIMUM_SESSIONS = 16

/** Creates an empty session store over a loaded runtime. */
export function createSessionStore(ort: OnnxRuntime): SessionStore {
  const sessions = new Map<string, Promise<{ session: ModelSession; release(): Promise<void> }>>()

  return {
    async open(model, file) {
      const path = join(model.path, file)
      const stamp = await stat(path).catch((cause: unknown) => {
        throw new ModelFileError(model, file, 'is missing', cause)
      })
      const key = `${path}\n${stamp.mtimeMs}\n${stamp.size}`
      let opened = sessions.get(key)
      sessions.delete(key)
      opened ??= openSession(ort, model, file)
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

async function openSession(ort: OnnxRuntime, model: ModelFolder, file: string) {
  let raw: Ort.InferenceSession
  try {
    // By path: external weights are then mapped into memory instead of being copied.
    raw = await ort.InferenceSession.create(join(model.path, file), {
      executionProviders: [SESSION_PINS.executionProvider],
      intraOpNumThreads: SESSION_PINS.intraOpThreads,
      interOpNumThreads: 1,
      graphOptimizationLevel: SESSION_PINS.graphOptimizationLevel,
      logSeverityLevel: 4,
    })
  } catch (cause) {
    throw new ModelFileError(model, file, 'is damaged or not an ONNX model', cause)
  }
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
    hasInput: (name) => inputs.has(name),
    hasOutput: (name) => raw.outputNames.includes(name),
    inputRank: (name) => {
      const input = inputs.get(name)
      return input?.isTensor ? input.shape.length : undefined
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

/** Integer inputs take the whole part, as a cast to an integer type does in the original. */
const truncated = (value: number): bigint => BigInt(Math.trunc(value))
