import { open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../base/clock.js'
import { packageRoot } from '../base/packageRoot.js'
import { findCached, isUnfinished, noteUse } from './cache/readCache.js'
import { markUsed, type UseMark } from './cache/useMarks.js'
import { onlySafetensors } from './hub/chooseFiles.js'
import { type ModelCard, parseModelCard } from './modelCard.js'
import { ModelUnavailableError } from './modelErrors.js'
import { type ModelId, parseModelId, repositoryName, shownModelId } from './modelId.js'

/** Finds model folders. Where a model comes from is nobody else's business. */
export type ModelStore = {
  /**
   * The folder of a model, in the Hugging Face ONNX layout. A model of the cache is in use from then on, until the store is closed or
   * the process ends: nobody removes it meanwhile.
   *
   * @throws ModelUnavailableError, ModelFormatError, and what the puller throws.
   */
  modelFolder(modelId: string, wanted?: WantedFiles): Promise<string>
  /** What the model recommends; `{}` when it has no card or is not on this machine. */
  modelCard(modelId: string): Promise<ModelCard>
  /** Says that none of the models is in use any more. */
  close(): Promise<void>
}

/** Which files of a model are meant, where it has a choice. */
export type WantedFiles = {
  /** One file by name, e.g. a LoRA's weights. */
  file?: string
  variant?: string
}

/**
 * A place that models come from. Everything that finds weights goes through this, so that a source which makes them (from safetensors,
 * say) is one more in the list.
 */
export type ModelSource = {
  find(model: ModelId): Promise<FoundModel | undefined>
}

export type FoundModel = {
  folder: string
  /** Keeps the model where it is; called before its files are read. */
  keep?(): Promise<UseMark | undefined>
}

export type ModelStoreOptions = {
  /** Searched in order for `<model id>/`, after `embedded:<name>`, which is part of this package. */
  modelRoots: readonly string[]
  /** Searched last: a cache in the layout of huggingface_hub. */
  cacheFolder?: string | undefined
  /** Fetches a model that is nowhere into the cache; without it such a model is unavailable. */
  pull?: ((modelId: string, wanted: WantedFiles) => Promise<void>) | undefined
}

/** Creates a model store over folders on this machine. */
export function createModelStore({ modelRoots, cacheFolder, pull }: ModelStoreOptions): ModelStore {
  const sources: ModelSource[] = [
    embedded,
    ...modelRoots.map(fromRoot),
    ...(cacheFolder === undefined ? [] : [fromCache(cacheFolder)]),
  ]
  const kept = new Map<string, UseMark>()

  async function find(model: ModelId | undefined): Promise<FoundModel | undefined> {
    if (!model) return undefined
    for (const source of sources) {
      const found = await source.find(model)
      if (found) return found
    }
    return undefined
  }

  return {
    async modelFolder(modelId, wanted = {}) {
      const model = parseModelId(modelId)
      let found = await find(model)
      if (pull && model && model.kind !== 'embedded' && !(await hasWanted(found, wanted))) {
        await pull(modelId, wanted)
        found = await find(model)
      }
      if (found?.keep && model && !kept.has(model.id)) {
        const mark = await found.keep()
        if (mark) kept.set(model.id, mark)
        // It may have been removed before the mark was there.
        found = await find(model)
      }
      if (!found || !model) throw new ModelUnavailableError(modelId, remedyFor(model, modelRoots, cacheFolder))
      await refuseSafetensors(found.folder, modelId)
      return found.folder
    },
    async modelCard(modelId) {
      const found = await find(parseModelId(modelId))
      return found ? readCard(found.folder) : {}
    },
    async close() {
      for (const mark of kept.values()) await mark.release()
      kept.clear()
    },
  }
}

/** A folder of the user's own is taken as it is. */
async function hasWanted(found: FoundModel | undefined, { file, variant }: WantedFiles): Promise<boolean> {
  if (!found?.keep) return found !== undefined
  const files: string[] = await readdir(found.folder, { recursive: true }).catch(() => [])
  if (file !== undefined && !files.some((path) => path.replaceAll('\\', '/') === file)) return false
  return (
    variant === undefined ||
    files.some((path) => path.endsWith(`model.${variant}.onnx`) || path.endsWith(`model_${variant}.onnx`))
  )
}

function remedyFor(model: ModelId | undefined, modelRoots: readonly string[], cacheFolder: string | undefined): string {
  const root = modelRoots.length === 0 ? 'name a folder that holds it with --model-root' : 'put it into --model-root'
  if (model && model.kind !== 'embedded' && cacheFolder !== undefined) {
    return `Fetch it with \`crynux models pull ${quoted(shownModelId(model.id))}\`, or ${root} as <folder>/<model id>/.`
  }
  return `${root.charAt(0).toUpperCase()}${root.slice(1)} (env CRYNUX_MODEL_ROOT) as <folder>/<model id>/, or use embedded:tiny-shapes.`
}

const quoted = (id: string): string => (/^[\w./:@-]+$/.test(id) ? id : `'${id.replaceAll("'", '')}'`)

const embedded: ModelSource = {
  find: async (model) =>
    model.kind === 'embedded' ? existingFolder(join(packageRoot, 'models', model.name)) : undefined,
}

const fromRoot = (root: string): ModelSource => ({
  find: async (model) => (model.kind === 'hub' ? existingFolder(join(root, ...model.id.split('/'))) : undefined),
})

const fromCache = (cacheFolder: string): ModelSource => ({
  async find(model) {
    const repository = repositoryName(model)
    const found = repository && (await findCached(cacheFolder, repository))
    if (!found || (!found.record && (await isUnfinished(cacheFolder, repository)))) return undefined
    return {
      folder: found.folder,
      keep: async () => {
        const mark = await markUsed(cacheFolder, repository, systemClock)
        await noteUse(cacheFolder, repository, systemClock.now())
        return mark
      },
    }
  },
})

const existingFolder = async (path: string): Promise<FoundModel | undefined> =>
  stat(path).then(
    (found) => (found.isDirectory() ? { folder: path } : undefined),
    () => undefined,
  )

/**
 * A whole model without any ONNX network would fail over the first file that is missing; the reason says more.
 *
 * @throws ModelFormatError
 */
async function refuseSafetensors(folder: string, modelId: string): Promise<void> {
  const top: string[] = await readdir(folder).catch(() => [])
  const isDiffusers = top.includes('model_index.json')
  if (!isDiffusers && !(top.includes('config.json') && top.some((name) => /^model.*\.safetensors$/.test(name)))) return
  const files: string[] = await readdir(folder, { recursive: true })
  if (files.some((name) => name.endsWith('.onnx')) || !files.some((name) => name.endsWith('.safetensors'))) return
  throw onlySafetensors(modelId, isDiffusers ? 'a diffusers folder' : 'a transformers folder')
}

/** Cards are a few numbers. */
const MAXIMUM_CARD_BYTES = 64 * 1024

async function readCard(folder: string): Promise<ModelCard> {
  const path = join(folder, 'crynux.json')
  const file = await open(path).catch(() => undefined)
  if (!file) return {}
  try {
    if ((await file.stat()).size > MAXIMUM_CARD_BYTES) return {}
    return parseModelCard(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    // A card only recommends: a broken one must not stop a task that needs none.
    return {}
  } finally {
    await file.close()
  }
}
