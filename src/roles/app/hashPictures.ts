import { readFile, stat } from 'node:fs/promises'
import { CrynuxError, EXIT } from '../../base/errors.js'
import { bytesToHex, type Hex } from '../../base/hex.js'
import { perceptualHashOfFile } from '../../core/phash/perceptualHashOfFile.js'

/** What `crynux phash --json` prints for a file. */
export type PictureHash = { file: string; phash: Hex }

/** Larger than any picture within the pixel limit, even uncompressed with 16 bits. */
const MAXIMUM_BYTES = 256 * 1024 * 1024

/**
 * The perceptual hashes of picture files, in the order given.
 *
 * @throws PictureFileError that names the first file that is missing, broken, or too large
 */
export async function hashPictures(files: readonly string[]): Promise<PictureHash[]> {
  const hashes: PictureHash[] = []
  // One after the other: a decoded picture may take a hundred megabytes.
  for (const file of files) hashes.push({ file, phash: bytesToHex(await hashPicture(file)) })
  return hashes
}

async function hashPicture(file: string): Promise<Uint8Array> {
  const bytes = await readPicture(file)
  try {
    return await perceptualHashOfFile(bytes)
  } catch (cause) {
    if (!(cause instanceof CrynuxError)) throw cause
    throw new PictureFileError(`'${file}': ${cause.message}`, { remedy: cause.remedy, cause })
  }
}

async function readPicture(file: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(file)
    if (size <= MAXIMUM_BYTES) return await readFile(file)
  } catch (cause) {
    throw new PictureFileError(`'${file}' cannot be read`, { remedy: 'Check the path and its permissions.', cause })
  }
  throw new PictureFileError(`'${file}' is larger than ${MAXIMUM_BYTES / 1024 / 1024} MiB`, {
    remedy: 'Give a PNG or JPEG file.',
  })
}

/** A file that cannot be hashed. */
export class PictureFileError extends CrynuxError {
  override readonly code = 'CRYNUX_PICTURE_FILE'
  override readonly exitCode = EXIT.usage
}
