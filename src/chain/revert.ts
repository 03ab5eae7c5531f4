import { type BaseError, decodeErrorResult } from 'viem'
import { CrynuxError, EXIT, type ExitCode } from '../base/errors.js'
import type { Hex } from '../base/hex.js'
import { formatCnx } from '../base/units.js'
import { contractErrorsAbi } from './contractErrors.js'

type Explanation = { message: string; remedy: string; exitCode: ExitCode }

const NOT_NOW = 'Read the present state (`crynux task status`, `crynux node status`) and try again if it still applies.'

/** Solidity's own panic codes that arithmetic can raise. */
const explanations: Record<string, (values: readonly unknown[]) => Explanation> = {
  ERC20InsufficientBalance: ([, balance, needed]) => ({
    message: `the wallet holds ${cnx(balance)} CNX, and ${cnx(needed)} CNX are needed`,
    remedy: 'Send CNX to the wallet, or name a smaller amount.',
    exitCode: EXIT.insufficientFunds,
  }),
}

const cnx = (value: unknown): string => (typeof value === 'bigint' ? formatCnx(value) : String(value))

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
  if (revertData === '0x')
    return new TransactionRevertedError('', unknownReason('the contract refused the call without a reason'))
  try {
    const { errorName, args = [] } = decodeErrorResult({ abi: contractErrorsAbi, data: revertData })
    const explain = explanations[errorName]
    return new TransactionRevertedError(
      errorName,
      explain ? explain(args as readonly unknown[]) : unknownReason(`the contract refused the call: ${errorName}`),
    )
  } catch {
    return new TransactionRevertedError(
      '',
      unknownReason(`the contract refused the call with the unknown error ${revertData.slice(0, 10)}`),
    )
  }
}

const unknownReason = (message: string): Explanation => ({ message, remedy: NOT_NOW, exitCode: EXIT.internal })

/** A contract refused a transaction, in simulation or on chain. */
export class TransactionRevertedError extends CrynuxError {
  override readonly code = 'CRYNUX_TRANSACTION_REVERTED'
  override readonly exitCode: ExitCode
  /** The contract's own name for it, e.g. `TaskConsensus_DeadlinePassed`; empty when unknown. */
  readonly errorName: string
  constructor(errorName: string, { message, remedy, exitCode }: Explanation) {
    super(message, { remedy, details: { contractError: errorName } })
    this.errorName = errorName
    this.exitCode = exitCode
  }
}
