import { InvalidInputError } from '../../base/errors.js'
import { bytesToHex, type Hex } from '../../base/hex.js'
import { perceptualHashOfFile } from '../phash/perceptualHashOfFile.js'
import { imageScore, textScore } from './score.js'

export type ResultToVerify = {
  kind: 'image' | 'text'
  /** The result's files as the node wrote them, opened. */
  files: readonly Uint8Array[]
  /** The score that the network agreed on. */
  score: Hex
  /** The size that the task asked for; a picture of another size is not the result. */
  width?: number
  height?: number
}

/** Pictures of the largest size that task arguments allow. */
const MAXIMUM_SIDE = 2048

/**
 * Whether files really have the score that was agreed on: every picture is hashed again (protocol §6).
 *
 * Files come from a stranger: only the plain PNG that a node writes is decoded at all, after its header has been checked, so that
 * a small file cannot grow into a huge picture.
 */
export async function verifyResultFiles({ kind, files, score, width, height }: ResultToVerify): Promise<boolean> {
  if (kind === 'text') return files.length === 1 && files[0] !== undefined && same(textScore(files[0]), score)
  if (files.length === 0 || files.length * 16 + 2 !== score.length) return false
  const hashes: Uint8Array[] = []
  for (const [index, file] of files.entries()) {
    const size = plainPngSize(file)
    if (!size || (width !== undefined && size.width !== width) || (height !== undefined && size.height !== height))
      return false
    const hash = await hashOf(file)
    // The first wrong picture settles it; the others need not be decoded.
    if (!hash || !same(bytesToHex(hash), `0x${score.slice(2 + index * 16, 18 + index * 16)}`)) return false
    hashes.push(hash)
  }
  return same(imageScore(hashes), score)
}

/** Undefined for a broken picture. A failure of our own, such as a lack of memory, must not look like a stranger's fault. */
async function hashOf(file: Uint8Array): Promise<Uint8Array | undefined> {
  try {
    return await perceptualHashOfFile(file)
  } catch (error) {
    if (error instanceof InvalidInputError) return undefined
    throw error
  }
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

const PNG_START = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]

/** Width and height of a PNG with 8-bit RGB pixels, not interlaced and no larger than a task allows; undefined for anything else. */
function plainPngSize(file: Uint8Array): { width: number; height: number } | undefined {
  if (file.length < 33 || PNG_START.some((byte, index) => file[index] !== byte)) return undefined
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const [width, height] = [view.getUint32(16), view.getUint32(20)]
  const [depth, colour, interlace] = [file[24], file[25], file[28]]
  if (depth !== 8 || colour !== 2 || interlace !== 0) return undefined
  return width >= 1 && height >= 1 && width <= MAXIMUM_SIDE && height <= MAXIMUM_SIDE ? { width, height } : undefined
}
