import { BaseError, HttpRequestError, RpcRequestError, TimeoutError } from 'viem'
import { CrynuxError, EXIT } from '../base/errors.js'
import { revertDataOf, transactionRevertedFrom } from './revert.js'

/**
 * What a failed chain request means, as an error that a user may see. Our own errors and aborts pass unchanged.
 *
 * viem's messages quote the endpoint's URL, which can hold an access key, so none of their text is used.
 */
export function chainErrorFrom(error: unknown): unknown {
  if (error instanceof CrynuxError || !(error instanceof BaseError)) return error
  const own = error.walk((part) => part instanceof CrynuxError)
  if (own instanceof CrynuxError) return own
  const revertData = revertDataOf(error)
  if (revertData !== undefined) return transactionRevertedFrom(revertData)
  const text = textOf(error)
  if (/insufficient funds|gas required exceeds allowance/i.test(text)) return new InsufficientFundsError(error)
  if (/revert/i.test(text)) return transactionRevertedFrom('0x')
  return new ChainUnreachableError(reasonOf(error), error)
}

/** The endpoint's own words, for recognising a kind of failure; never shown. */
export const textOf = (error: unknown): string => {
  if (!(error instanceof BaseError)) return error instanceof Error ? error.message : ''
  const parts: string[] = []
  error.walk((part) => {
    if (part instanceof BaseError) parts.push(part.details, part.shortMessage)
    else if (part instanceof Error) parts.push(part.message)
    return false
  })
  return parts.join(' ')
}

function reasonOf(error: BaseError): string {
  const http = error.walk((part) => part instanceof HttpRequestError)
  if (http instanceof HttpRequestError)
    return http.status ? `it answered with HTTP status ${http.status}` : 'no connection'
  if (error.walk((part) => part instanceof TimeoutError)) return 'it did not answer in time'
  const rpc = error.walk((part) => part instanceof RpcRequestError)
  if (rpc instanceof RpcRequestError) return `it refused the request (code ${rpc.code})`
  return 'it gave no usable answer'
}

/** The chain's RPC endpoint does not answer, or not sensibly: exit status 5. Trying again later may help. */
export class ChainUnreachableError extends CrynuxError {
  override readonly code = 'CRYNUX_CHAIN_UNREACHABLE'
  override readonly exitCode = EXIT.chain
  constructor(reason: string, cause?: unknown) {
    super(`the chain's RPC endpoint cannot be used: ${reason}`, {
      remedy: 'Check --rpc-url (CRYNUX_RPC_URL) and the connection, then try again.',
      cause,
    })
  }
}

/** The wallet has too little of the chain's own coin to pay for gas: exit status 4. */
export class InsufficientFundsError extends CrynuxError {
  override readonly code = 'CRYNUX_INSUFFICIENT_FUNDS'
  override readonly exitCode = EXIT.insufficientFunds
  constructor(cause?: unknown) {
    super("the wallet has too little of the chain's coin to pay for gas", {
      remedy:
        'Send some of the coin that pays for gas on this chain to the wallet (`crynux wallet show` prints its address).',
      cause,
    })
  }
}
