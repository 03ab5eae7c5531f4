import type { Address } from '../../base/hex.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'

/**
 * How many transactions of an account are sent, but in no block yet. A program that was killed right after sending one finds
 * it here, and must not send it again.
 */
export async function readPendingTransactions(chain: ChainReader, { account }: { account: Address }): Promise<number> {
  const count = (blockTag: 'latest' | 'pending') =>
    call(chain.client.getTransactionCount({ address: account, blockTag }))
  const [mined, known] = await Promise.all([count('latest'), count('pending')])
  return Math.max(0, known - mined)
}
