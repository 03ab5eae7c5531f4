import { InvalidInputError } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import type { ChainWriter } from '../../chain/client.js'
import { readLedgerBalance } from '../../chain/read/ledgerBalance.js'
import { withdraw } from '../../chain/write/withdraw.js'

/** What was taken out of the ledger. */
export type WithdrawalReport = {
  account: Address
  to: Address
  amountWei: bigint
  /** What the account still has in the ledger. */
  ledgerWei: bigint
  transaction: Hex
}

/**
 * Takes CNX out of the wallet's ledger balance, where earnings and refunds arrive: all of it, unless an amount is named.
 *
 * @throws InvalidInputError when the ledger holds nothing; TransactionRevertedError (4) when it holds less than the amount
 */
export async function withdrawEarnings(
  chain: ChainWriter,
  { amountWei, to }: { amountWei?: bigint | undefined; to?: Address | undefined } = {},
): Promise<WithdrawalReport> {
  const account = chain.account.address
  const available = await readLedgerBalance(chain, { account })
  const amount = amountWei ?? available
  if (amount === 0n) {
    throw new InvalidInputError(
      amountWei === undefined ? `the ledger holds nothing for ${account}` : 'the amount is 0 CNX',
      { remedy: 'Name an amount that the ledger holds; `crynux wallet show` tells how much that is.' },
    )
  }
  const recipient = to ?? account
  const { hash } = await withdraw(chain, { to: recipient, amountWei: amount })
  const ledgerWei = await readLedgerBalance(chain, { account })
  return { account, to: recipient, amountWei: amount, ledgerWei, transaction: hash }
}
