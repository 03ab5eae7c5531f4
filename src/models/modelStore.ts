import { open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CrynuxError, EXIT } from '../base/errors.js'
import { packageRoot } from '../base/packageRoot.js'
import { type ModelCard, parseModelCard } from './modelCard.js'

/** Finds model folders. Where a model comes from is nobody else's business; downloads will be one more source in here. */
export type ModelStore = {
  /**
   * The folder of a model, in the Hugging Face ONNX layout.
   *
   * @throws ModelUnavailableError
   */
  modelFolder(modelId: string): Promise<string>
  /** What the model recommends; `{}` when it has no card or is not on this machine. */
  modelCard(modelId: string): Promise<ModelCard>
}

/** A place that models come from. */
type ModelSource = (modelId: string) => Promise<string | undefined>

/**
 * Creates a model store over folders on this machine.
 *
 * @param modelRoots searched in order for `<model id>/`; `embedded:<name>` is part of this package.
 */
export function createModelStore({ modelRoots }: { modelRoots: readonly string[] }): ModelStore {
  const sources: ModelSource[] = [embedded, ...modelRoots.map(fromRoot)]

  async function find(modelId: string): Promise<string | undefined> {
    if (!isModelId(modelId)) return undefined
    for (const source of sources) {
      const folder = await source(modelId)
      if (folder !== undefined) return folder
    }
    return undefined
  }

  return {
    async modelFolder(modelId) {
      const folder = await find(modelId)
      if (folder === undefined) throw new ModelUnavailableError(modelId, modelRoots)
      return folder
    },
    async modelCard(modelId) {
      const folder = await find(modelId)
      return folder === undefined ? {} : readCard(folder)
    },
  }
}

/** Hub ids (`owner/name` or `name`) and embedded models; nothing that could leave a root. */
const isModelId = (modelId: string): boolean =>
  modelId.length <= 200 &&
  /^(?:embedded:[a-z0-9][a-z0-9-]*|[A-Za-z0-9_][\w.-]*(?:\/[A-Za-z0-9_][\w.-]*)?)$/.test(modelId) &&
  !modelId.includes('..')

const embedded: ModelSource = async (modelId) => {
  if (!modelId.startsWith('embedded:')) return undefined
  return existingFolder(join(packageRoot, 'models', modelId.slice('embedded:'.length)))
}

const fromRoot =
  (root: string): ModelSource =>
  async (modelId) =>
    modelId.startsWith('embedded:') ? undefined : existingFolder(join(root, ...modelId.split('/')))

const existingFolder = async (path: string): Promise<string | undefined> =>
  stat(path).then(
    (found) => (found.isDirectory() ? path : undefined),
    () => undefined,
  )

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

/** The model is not on this machine; a node votes ModelUnavailable. */
export class ModelUnavailableError extends CrynuxError {
  override readonly code = 'CRYNUX_MODEL_UNAVAILABLE'
  override readonly exitCode = EXIT.modelUnavailable

  constructor(modelId: string, modelRoots: readonly string[]) {
    const name = modelId.length > 100 ? `${modelId.slice(0, 97)}…` : modelId
    super(`model '${name.replaceAll(/\p{C}/gu, '?')}' is not on this machine`, {
      remedy:
        modelRoots.length === 0
          ? 'Name a folder that holds it with --model-root <folder> (env CRYNUX_MODEL_ROOT), as <folder>/<model id>/.'
          : `Put it into --model-root as <folder>/<model id>/, or use embedded:tiny-shapes.`,
      details: { model: name },
    })
  }
}
