import { InvalidInputError } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'

/**
 * Checks an account address, with or without checksum.
 *
 * @throws InvalidInputError
 */
export async function parseAddress(text: string): Promise<Address> {
  // The whole of viem's pure part takes 100 ms to load: not for commands that are given no address.
  const { getAddress, isAddress } = await import('viem/utils')
  if (isAddress(text)) return getAddress(text)
  throw new InvalidInputError(`'${text}' is not an address`, {
    remedy: 'Write 0x and 40 hexadecimal digits; a checksum, if given, must be right.',
  })
}

/**
 * Checks a task id.
 *
 * @throws InvalidInputError
 */
export function parseTaskId(text: string): Hex {
  if (/^0x[0-9a-f]{64}$/i.test(text)) return text.toLowerCase() as Hex
  throw new InvalidInputError(`'${text}' is not a task id`, { remedy: 'Write 0x and 64 hexadecimal digits.' })
}
