import { hexToBytes } from '../../base/hex.js'
import { CONTRACT_BUILDS } from './contractBuilds.js'
import type { PlannedTransaction } from './plan.js'

// Prices of the Ethereum yellow paper, appendix G, and of EIP-3860.
const TRANSACTION = 21_000
const CREATION = 32_000
const ZERO_BYTE = 4
const OTHER_BYTE = 16
const CODE_BYTE = 200
const INITCODE_WORD = 2
const NEW_WORD = 22_100
/** Words that a constructor writes, at most, and what else it does. */
const CONSTRUCTOR = 7 * NEW_WORD + 20_000
/** A setter: one word, an event, and reading what limits the value. */
const SETTER = 30_000
/** A new relay: three words beside its URL, and an event. */
const RELAY = 5 * NEW_WORD

/**
 * About how much gas a planned transaction will use, a little more rather than less. The chain itself cannot be asked: the
 * contracts that it needs are not there yet.
 */
export function estimatePlanGas({ creates, data }: PlannedTransaction): bigint {
  const bytes = hexToBytes(data)
  const input = bytes.reduce((sum, byte) => sum + (byte === 0 ? ZERO_BYTE : OTHER_BYTE), 0)
  if (creates === null) {
    // Two words of arguments or less: a setter of parameters.
    const url = bytes.length - 4 - 3 * 32
    return BigInt(TRANSACTION + input + (url > 0 ? RELAY + Math.ceil(url / 32) * NEW_WORD : SETTER))
  }
  const build = Object.values(CONTRACT_BUILDS).find(({ bytecode }) => data.startsWith(bytecode))
  const runtime = build ? build.bytecode.length / 2 - 1 - build.runtime.offset : bytes.length
  return BigInt(
    TRANSACTION + CREATION + input + INITCODE_WORD * Math.ceil(bytes.length / 32) + CODE_BYTE * runtime + CONSTRUCTOR,
  )
}
