import { InvalidInputError } from '../../base/errors.js'
import type { Hex } from '../../base/hex.js'

/** A GPU model as the chain knows it: keccak256 of its name, trimmed. */
export async function gpuModelHash(name: string): Promise<Hex> {
  const { keccak256, stringToBytes } = await import('viem/utils')
  return keccak256(stringToBytes(name.trim()))
}

/**
 * Parses an amount of GPU memory in GB.
 *
 * @throws InvalidInputError
 */
export function parseVram(text: string): number {
  const gigabytes = Number(text)
  if (Number.isInteger(gigabytes) && gigabytes >= 1 && gigabytes <= 1024) return gigabytes
  throw new InvalidInputError(`'${text}' is not a number of gigabytes`, {
    remedy: 'Give a whole number from 1 to 1024.',
  })
}
