import { createHash } from 'node:crypto'
import { access, constants, mkdir, open, readFile, rename, rm, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve, sep } from 'node:path'
import { CrynuxError, EXIT } from '../../base/errors.js'

/** Where the result goes, as the user said it. */
export type OutTarget = {
  /**
   * `picture.png` names the file of a single result; an existing folder, a path that ends with a separator, or one without
   * an extension is a folder that gets `0.png`, `1.png` … or `0.json`.
   */
  path: string
  /** Whether files of another content that lie in the folder may be replaced. */
  force: boolean
}

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
  const named = !isFolder && !/[/\\]$/.test(out.path) && extname(path) !== ''
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

/** Makes the folder and takes it away again: permissions alone do not tell whether that works. */
async function requireWritable(folder: string): Promise<void> {
  let made: string[] = []
  try {
    made = await makeFolder(folder)
    if (!(await stat(folder)).isDirectory()) throw new Error('not a folder')
    await access(folder, constants.W_OK)
  } catch (cause) {
    throw new OutTargetError(`nothing can be written into '${folder}'`, {
      remedy: 'Choose another --out, or change the permissions; it must be a folder.',
      details: { path: folder },
      cause,
    })
  } finally {
    for (const place of made.reverse()) await rmdir(place).catch(() => undefined)
  }
}

/**
 * Makes a folder with those above it; returns the ones that were not there. The recursive mkdir of Node does not come back from
 * places where folders cannot be made, such as /proc.
 */
async function makeFolder(folder: string): Promise<string[]> {
  const missing: string[] = []
  for (let place = folder; !(await stat(place).catch(() => null)); place = dirname(place)) missing.unshift(place)
  for (const place of missing) {
    await mkdir(place).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
  return missing
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
