import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** What a file's content must hash to: sha256 for large files of the hub, git's blob hash for small ones. */
export type ContentHash = { algorithm: 'sha256' | 'git-sha1'; value: string }

/** A running hash of a file of known size. */
export function createContentHash(algorithm: ContentHash['algorithm'], size: number): Hash {
  if (algorithm === 'sha256') return createHash('sha256')
  // Git hashes "blob <size>\0" before the content.
  return createHash('sha1').update(`blob ${size}\0`)
}

/** The hash that a blob's name in a cache stands for; undefined for other names. */
export function hashOfBlobName(name: string): ContentHash | undefined {
  if (/^[0-9a-f]{64}$/.test(name)) return { algorithm: 'sha256', value: name }
  if (/^[0-9a-f]{40}$/.test(name)) return { algorithm: 'git-sha1', value: name }
  return undefined
}

/** Hashes a file on disk. */
export async function hashFile(
  path: string,
  { algorithm, size, signal }: { algorithm: ContentHash['algorithm']; size: number; signal?: AbortSignal },
): Promise<string> {
  const hash = createContentHash(algorithm, size)
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, ...(signal ? { signal } : {}) })) {
    hash.update(chunk as Buffer)
  }
  return hash.digest('hex')
}
