import { createHash } from 'node:crypto'
import { access, constants, mkdtemp, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path'
import { CrynuxError, EXIT } from '../../base/errors.js'
import { makeFolder } from '../../base/makeFolder.js'

/** Where the result goes, as the user said it. */
export type OutTarget = {
  /**
   * `picture.png` names the file of a single result; an existing folder, a path that ends with a separator, or one without
   * the extension of a picture or a text (`out/cfg1.5`) is a folder that gets `0.png`, `1.png` … or `0.json`.
   */
  path: string
  /** Whether files of another content that lie in the folder may be replaced. */
  force: boolean
}

/** What users call files of pictures or text; everything else behind a dot may be part of a folder's name. */
const FILE_EXTENSION = /^\.(?:png|json|jpe?g|webp|gif|bmp|tiff?|avif|txt)$/i

/**
 * The paths of a task's files, in order. Writes nothing yet, but a place that cannot be written is found out: before anything is
 * paid.
 *
 * A file that is named outright is replaced, as by `curl -o`. In a folder nothing that differs is replaced without `force`:
 * the names there are ours, not the user's, and would silently replace an earlier task's pictures.
 *
 * @throws OutTargetError (exit status 2)
 */
export async function planResultFiles({
  out,
  count,
  extension,
}: {
  out: OutTarget
  count: number
  extension: 'png' | 'json'
}): Promise<{ paths: string[]; named: boolean }> {
  const path = resolve(out.path)
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
  const named = !isFolder && !/[/\\]$/.test(out.path) && FILE_EXTENSION.test(extname(path))
  if (named && count > 1) {
    throw new OutTargetError(`'${out.path}' names one file, but the task makes ${count}`, {
      remedy: 'Give a folder to --out, or --num-images 1.',
    })
  }
  if (named && extname(path).toLowerCase() !== `.${extension}`) {
    throw new OutTargetError(`'${out.path}' does not end with .${extension}, which is what the task makes`, {
      remedy: `Name a .${extension} file or a folder.`,
    })
  }
  await requireWritable(named ? dirname(path) : path)
  const paths = named
    ? [path]
    : Array.from({ length: count }, (_, index) => `${path}${path.endsWith(sep) ? '' : sep}${index}.${extension}`)
  return { paths, named }
}

/** @throws OutTargetError when one of the paths is taken. For a task that is not paid yet. */
export async function refuseTakenPaths({
  paths,
  named,
  force,
}: {
  paths: readonly string[]
  named: boolean
  force: boolean
}): Promise<void> {
  if (named || force) return
  for (const path of paths) {
    if ((await readIfThere(path)) !== null) throw taken(path)
  }
}

/**
 * Writes verified files so that each is there whole or not at all, also after a crash: to a temporary name beside it, flushed,
 * then renamed.
 *
 * @throws OutTargetError when another file is in the way; nothing is lost then, the relay still has the result.
 */
export async function writeResultFiles({
  files,
  paths,
  named,
  force,
}: {
  files: readonly Uint8Array[]
  paths: readonly string[]
  named: boolean
  force: boolean
}): Promise<{ path: string; sha256: string }[]> {
  const pairs = files.map((bytes, index) => ({ bytes, path: paths[index] ?? '', sha256: sha256Of(bytes) }))
  if (!named && !force) {
    for (const { path, sha256 } of pairs) {
      const there = await readIfThere(path)
      if (there !== null && sha256Of(there) !== sha256) throw taken(path)
    }
  }
  for (const { bytes, path } of pairs) await writeAtomically(path, bytes)
  return pairs.map(({ path, sha256 }) => ({ path, sha256 }))
}

/** The files' bytes if all of them still are as they were written, else null. */
export async function readUnchanged(files: readonly { path: string; sha256: string }[]): Promise<Uint8Array[] | null> {
  const all: Uint8Array[] = []
  for (const { path, sha256 } of files) {
    const bytes = await readIfThere(path)
    if (bytes === null || sha256Of(bytes) !== sha256) return null
    all.push(bytes)
  }
  return all
}

/**
 * Permissions alone do not tell whether a folder can be made, so one is made, beside the place and under a name that nobody else
 * has: taking the place itself away again would pull it from under another process that writes there.
 */
async function requireWritable(folder: string): Promise<void> {
  let trial: string | undefined
  try {
    const existing = await nearestExisting(folder)
    if (!(await stat(existing)).isDirectory()) throw new Error('not a folder')
    await access(existing, constants.W_OK)
    if (existing === folder) return
    trial = await mkdtemp(join(existing, '.crynux-'))
    // The names that are missing are tried as well: a file system may not allow them.
    await makeFolder(join(trial, relative(existing, folder)))
  } catch (cause) {
    throw new OutTargetError(`nothing can be written into '${folder}'`, {
      remedy: 'Choose another --out, or change the permissions; it must be a folder.',
      details: { path: folder },
      cause,
    })
  } finally {
    if (trial !== undefined) await rm(trial, { recursive: true, force: true }).catch(() => undefined)
  }
}

/** The path itself or the lowest of those above it that is there. */
async function nearestExisting(path: string): Promise<string> {
  let place = path
  while (!(await stat(place).catch(() => null)) && dirname(place) !== place) place = dirname(place)
  return place
}

async function writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.part`)
  try {
    await makeFolder(dirname(path))
    const file = await open(temporary, 'w')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw new OutTargetError(`'${path}' cannot be written`, {
      remedy:
        'Free some space or change the permissions, then run the same command again with the same --key; nothing is paid twice.',
      details: { path },
      cause,
    })
  }
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const readIfThere = (path: string): Promise<Uint8Array | null> => readFile(path).catch(() => null)

const taken = (path: string) =>
  new OutTargetError(`'${path}' already exists`, {
    remedy: 'Choose another --out, or give --force to replace it.',
    details: { path },
  })

/** The result cannot go where the user wants it. */
export class OutTargetError extends CrynuxError {
  override readonly code = 'CRYNUX_OUT_TARGET'
  override readonly exitCode = EXIT.usage
}
