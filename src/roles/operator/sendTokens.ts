import { InvalidInputError } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import type { ChainWriter } from '../../chain/client.js'
import { readTokenBalance } from '../../chain/read/tokenBalance.js'
import { transferToken } from '../../chain/write/transferToken.js'

/** CNX that went from the wallet to somebody. */
export type TransferReport = {
  account: Address
  to: Address
  amountWei: bigint
  /** What the wallet still has. */
  tokenWei: bigint
  transaction: Hex
}

/**
 * Sends CNX out of the wallet's own balance; what lies in the ledger or is staked does not count.
 *
 * @throws InvalidInputError for nothing, and for a recipient that could never give it back; TransactionRevertedError (4) when
 *   the wallet holds less
 */
export async function sendTokens(
  chain: ChainWriter,
  { to, amountWei }: { to: Address; amountWei: bigint },
): Promise<TransferReport> {
  if (amountWei === 0n) {
    throw new InvalidInputError('the amount is 0 CNX', { remedy: 'Name an amount such as 400 or 0.5.' })
  }
  const contract = Object.entries(chain.profile.contracts).find(
    ([, address]) => address.toLowerCase() === to.toLowerCase(),
  )
  if (contract) {
    throw new InvalidInputError(`${to} is the network's ${contract[0]} contract, and CNX sent there are lost`, {
      remedy: 'Name the address of a wallet.',
    })
  }
  const account = chain.account.address
  const { hash } = await transferToken(chain, { to, amountWei })
  const tokenWei = await readTokenBalance(chain, { account })
  return { account, to, amountWei, tokenWei, transaction: hash }
}
