import type { Address } from '../../base/hex.js'
import type { ChainReader } from '../../chain/client.js'
import { readGasBalance } from '../../chain/read/gasBalance.js'
import { readLedgerBalance } from '../../chain/read/ledgerBalance.js'
import { readNode } from '../../chain/read/node.js'
import { readTokenBalance } from '../../chain/read/tokenBalance.js'

/** What an account holds on one network, in wei. */
export type Balances = {
  /** CNX in the wallet. */
  tokenWei: bigint
  /** CNX in the ledger: deposits, refunds and earnings. */
  ledgerWei: bigint
  /** CNX locked as stake. */
  stakeWei: bigint
  /** Of the coin that pays for gas. */
  gasWei: bigint
}

/** Reads an account's balances. */
export async function readBalances(chain: ChainReader, { account }: { account: Address }): Promise<Balances> {
  const [tokenWei, ledgerWei, { stakeWei }, gasWei] = await Promise.all([
    readTokenBalance(chain, { account }),
    readLedgerBalance(chain, { account }),
    readNode(chain, { node: account }),
    readGasBalance(chain, { account }),
  ])
  return { tokenWei, ledgerWei, stakeWei, gasWei }
}
