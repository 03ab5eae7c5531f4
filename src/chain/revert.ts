import { type BaseError, decodeErrorResult } from 'viem'
import { CrynuxError, type ExitCode } from '../base/errors.js'
import type { Hex } from '../base/hex.js'
import { contractErrorsAbi } from './contractErrors.js'
import { type RevertReason, revertReasonOf } from './revertReasons.js'

/** The bytes with which a call reverted, when the error says so. */
export function revertDataOf(error: BaseError): Hex | undefined {
  let found: Hex | undefined
  error.walk((part) => {
    const data = (part as { data?: unknown } | null)?.data
    const bytes = typeof data === 'object' && data !== null && 'data' in data ? data.data : data
    if (typeof bytes === 'string' && /^0x([0-9a-f]{2})*$/i.test(bytes) && bytes.length >= 10) found = bytes as Hex
    return found !== undefined
  })
  return found
}

/** The error for revert data; `0x` when the chain gives no reason. */
export function transactionRevertedFrom(revertData: Hex): TransactionRevertedError {
  const { errorName, args } = decode(revertData)
  return new TransactionRevertedError(errorName, revertReasonOf(errorName, args))
}

function decode(revertData: Hex): { errorName: string; args: readonly unknown[] } {
  if (revertData === '0x') return { errorName: '', args: [] }
  try {
    const { errorName, args = [] } = decodeErrorResult({ abi: contractErrorsAbi, data: revertData })
    return { errorName, args: args as readonly unknown[] }
  } catch {
    return { errorName: revertData.slice(0, 10), args: [] }
  }
}

/** A contract refused a transaction, in simulation or on chain. The exit status depends on the reason. */
export class TransactionRevertedError extends CrynuxError {
  override readonly code = 'CRYNUX_TRANSACTION_REVERTED'
  override readonly exitCode: ExitCode
  /** The contract's own name for it, e.g. `TaskConsensus_AlreadyCommitted`; empty when the chain gives no reason. */
  readonly errorName: string
  constructor(errorName: string, { message, remedy, exitCode }: RevertReason) {
    super(message, { remedy, details: { contractError: errorName } })
    this.errorName = errorName
    this.exitCode = exitCode
  }
}
