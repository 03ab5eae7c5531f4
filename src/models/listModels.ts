import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../base/packageRoot.js'
import { diskUse, isBusy, lastUse, listCached, snapshotFiles } from './cache/readCache.js'
import { shownModelId } from './modelId.js'

/** A model on this machine. */
export type ListedModel = {
  model: string
  /** The name of its folder in the cache, which `models remove` and `verify` take, too; null elsewhere. */
  repository: string | null
  source: 'embedded' | 'model-root' | 'cache'
  folder: string
  commit: string | null
  revision: string | null
  files: number
  bytes: number
  /** ISO date; null when nobody knows. */
  lastUsed: string | null
  pinned: boolean
  inUse: boolean
  /** Whether crynux brought it into the cache: only then is it removed to make room. */
  managed: boolean
}

export type ModelList = {
  models: ListedModel[]
  cacheFolder: string
  /** What crynux has fetched, bytes. */
  managedBytes: number
  quotaBytes: number | null
}

/** Everything that tasks can be run with, without reading any weights. */
export async function listModels({
  modelRoots,
  cacheFolder,
  quotaBytes,
}: {
  modelRoots: readonly string[]
  cacheFolder: string
  quotaBytes: number | undefined
}): Promise<ModelList> {
  const models: ListedModel[] = []
  const embedded = join(packageRoot, 'models')
  for (const name of await modelFolders(embedded)) {
    models.push({ ...NOTHING, model: `embedded:${name}`, source: 'embedded', ...(await measure(join(embedded, name))) })
  }
  for (const root of modelRoots) {
    for (const owner of await folders(root)) {
      const names = (await isModel(join(root, owner)))
        ? [owner]
        : (await modelFolders(join(root, owner))).map((name) => `${owner}/${name}`)
      for (const model of names) {
        models.push({ ...NOTHING, model, source: 'model-root', ...(await measure(join(root, ...model.split('/')))) })
      }
    }
  }
  let managedBytes = 0
  for (const { repository, id, commit, folder, record } of await listCached(cacheFolder)) {
    const bytes = await diskUse(cacheFolder, repository)
    const managed = record !== undefined && !record.foreign
    if (managed) managedBytes += bytes
    const usedAt = await lastUse(cacheFolder, repository)
    models.push({
      model: shownModelId(id),
      repository,
      source: 'cache',
      folder,
      commit,
      revision: record?.revision ?? null,
      files: (await snapshotFiles(folder)).length,
      bytes,
      lastUsed: usedAt === 0 ? null : new Date(usedAt).toISOString(),
      pinned: record?.pinned ?? false,
      inUse: await isBusy(cacheFolder, repository),
      managed,
    })
  }
  return { models, cacheFolder, managedBytes, quotaBytes: quotaBytes ?? null }
}

const NOTHING = {
  repository: null,
  commit: null,
  revision: null,
  lastUsed: null,
  pinned: false,
  inUse: false,
  managed: false,
}

const entriesOf = (folder: string): Promise<Dirent[]> => readdir(folder, { withFileTypes: true }).catch(() => [])

const folders = async (root: string): Promise<string[]> =>
  (await entriesOf(root)).filter((entry) => !entry.isFile() && !entry.name.startsWith('.')).map(({ name }) => name)

/** Folders below `root` that hold a model. */
async function modelFolders(root: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await folders(root)) if (await isModel(join(root, name))) found.push(name)
  return found.sort()
}

/** The files by which each kind of model is known. */
const KNOWN_FILES = /^(?:model_index\.json|config\.json|crynux\.json|.*\.onnx|.*\.safetensors|learned_embeds\.bin)$/
const KNOWN_FOLDERS = new Set(['unet', 'vae_decoder', 'controlnet', 'onnx'])

const isModel = async (folder: string): Promise<boolean> =>
  (await entriesOf(folder)).some((entry) => KNOWN_FILES.test(entry.name) || KNOWN_FOLDERS.has(entry.name))

async function measure(folder: string): Promise<{ folder: string; files: number; bytes: number }> {
  let files = 0
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue
    files++
    bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0
  }
  return { folder, files, bytes }
}
