import { hashFile, hashOfBlobName } from '../download/contentHash.js'
import { type CachedModel, snapshotFiles } from './readCache.js'

/** What is wrong with a file. */
export type FileDamage = 'missing' | 'changed'

export type VerifiedModel = {
  id: string
  commit: string
  /** Files whose content was hashed. */
  checked: number
  bytes: number
  /** Files that nothing is known to compare with: copies that another program made. */
  unknown: number
  damaged: { path: string; damage: FileDamage }[]
}

/**
 * Hashes every file of a model again and compares it with the name of its blob, which is its hash.
 *
 * @param onFile called before each file is read.
 */
export async function verifyCached(
  model: CachedModel,
  { signal, onFile }: { signal: AbortSignal; onFile?: (path: string) => void },
): Promise<VerifiedModel> {
  const result: VerifiedModel = {
    id: model.id,
    commit: model.commit,
    checked: 0,
    bytes: 0,
    unknown: 0,
    damaged: [],
  }
  for (const { path, content, blob, size } of await snapshotFiles(model.folder)) {
    signal.throwIfAborted()
    if (size === undefined) {
      result.damaged.push({ path, damage: 'missing' })
      continue
    }
    const expected = hashOfBlobName(blob ?? '')
    if (!expected) {
      result.unknown++
      continue
    }
    onFile?.(path)
    const value = await hashFile(content, { algorithm: expected.algorithm, size, signal })
    result.checked++
    result.bytes += size
    if (value !== expected.value) result.damaged.push({ path, damage: 'changed' })
  }
  return result
}
