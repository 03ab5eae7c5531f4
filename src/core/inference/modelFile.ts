import { lstat, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CrynuxError, EXIT } from '../../base/errors.js'
import { parsePythonJson } from './parsePythonJson.js'

/** Configuration files of models are small; a larger one is broken or hostile. */
const MAXIMUM_JSON_BYTES = 64 * 1024 * 1024

/** The folder of one model, and how the user calls it. */
export type ModelFolder = { id: string; path: string }

/** The folders of the models that a task names; a UNet or VAE that is not named comes from the base model. */
export type ModelFolders = {
  base: ModelFolder
  unet?: ModelFolder
  vae?: ModelFolder
  lora?: ModelFolder
  controlnet?: ModelFolder
  refiner?: ModelFolder
  textualInversion?: ModelFolder
}

/**
 * True when the model's folder has this file.
 *
 * @throws ModelFileError when that cannot be told, or when it is a link whose content is gone: to do without a safety checker or a
 * variant because of a failing disk would give another picture than everybody else has.
 */
export async function hasModelFile(model: ModelFolder, name: string): Promise<boolean> {
  const path = join(model.path, name)
  try {
    return (await stat(path)).isFile()
  } catch (cause) {
    if (isAbsent(cause) && (await lstat(path).catch(() => undefined)) === undefined) return false
    throw new ModelFileError(model, name, 'cannot be read', cause)
  }
}

/**
 * Reads a text file of a model.
 *
 * @param name path inside the folder, with `/`.
 * @throws ModelFileError when it is missing, unreadable or too large.
 */
export async function readModelText(model: ModelFolder, name: string): Promise<string> {
  const path = join(model.path, name)
  try {
    if ((await stat(path)).size > MAXIMUM_JSON_BYTES) throw new ModelFileError(model, name, 'is too large')
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof ModelFileError) throw cause
    throw new ModelFileError(model, name, isMissing(cause) ? 'is missing' : 'cannot be read', cause)
  }
}

/**
 * Reads a JSON object file of a model; numbers that are not finite may be written as Python does.
 *
 * @throws ModelFileError when it is missing or not a JSON object.
 */
export async function readModelJson(model: ModelFolder, name: string): Promise<Record<string, unknown>> {
  const text = await readModelText(model, name)
  let value: unknown
  try {
    value = parsePythonJson(text)
  } catch (cause) {
    throw new ModelFileError(model, name, 'is not valid JSON', cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ModelFileError(model, name, 'is not a JSON object')
  }
  return value as Record<string, unknown>
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'

/** A name that is too long names nothing either. */
const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(String(error.code))

/** A file of a model is missing, damaged, or not what the pipeline can work with. */
export class ModelFileError extends CrynuxError {
  override readonly code = 'CRYNUX_MODEL_FILE'
  override readonly exitCode = EXIT.modelUnavailable

  /** @param remedy where fetching the model again would not help. */
  constructor(model: Pick<ModelFolder, 'id'>, file: string, complaint: string, cause?: unknown, remedy?: string) {
    super(`file ${file} of model '${model.id}' ${complaint}`, {
      remedy:
        remedy ??
        'Fetch the model again, or put an undamaged copy into --model-root; docs/task-arguments.md lists the files of each kind of model.',
      details: { model: model.id, file },
      ...(cause === undefined ? {} : { cause }),
    })
  }
}
