import type { Address, Hex } from '../../base/hex.js'
import type { ChainReader } from '../../chain/client.js'
import { readChainTime } from '../../chain/read/chainTime.js'
import { readGasBalance } from '../../chain/read/gasBalance.js'
import { readLedgerBalance } from '../../chain/read/ledgerBalance.js'
import { type ChainNode, readNode } from '../../chain/read/node.js'
import { type NodeStatistics, readNodes } from '../../chain/read/nodes.js'
import { readTokenBalance } from '../../chain/read/tokenBalance.js'

/** Everything about one node: its place in the network, what it did, and what its wallet holds. */
export type NodeReport = ChainNode &
  Omit<NodeStatistics, keyof ChainNode> & {
    /** False for a wallet that never was a node of this network. */
    everJoined: boolean
    /** By the chain's clock; null unless unbonding. */
    unbondingSecondsLeft: number | null
    /** Earnings that wait to be withdrawn, of the beneficiary. */
    beneficiaryLedgerWei: bigint
    ledgerWei: bigint
    tokenWei: bigint
    /** Of the coin that pays for gas. */
    gasWei: bigint
  }

/** Reads the report of one node. */
export async function readNodeReport(chain: ChainReader, { node }: { node: Address }): Promise<NodeReport> {
  const [present, all, now, ledgerWei, tokenWei, gasWei] = await Promise.all([
    readNode(chain, { node }),
    readNodes(chain),
    readChainTime(chain),
    readLedgerBalance(chain, { account: node }),
    readTokenBalance(chain, { account: node }),
    readGasBalance(chain, { account: node }),
  ])
  const past = all.find(({ address }) => isSame(address, node))
  const { penalties = 0, penaltiesWei = 0n, slashes = 0, slashedWei = 0n, earningsWei = 0n } = past ?? {}
  const { completed = 0, failed = 0, successRate = null } = past ?? {}
  return {
    ...present,
    everJoined: past !== undefined,
    unbondingSecondsLeft: present.status === 'unbonding' ? Math.max(0, present.unbondingEndsAt - now) : null,
    penalties,
    penaltiesWei,
    slashes,
    slashedWei,
    earningsWei,
    completed,
    failed,
    successRate,
    beneficiaryLedgerWei: isSame(present.beneficiary, node)
      ? ledgerWei
      : await readLedgerBalance(chain, { account: present.beneficiary }),
    ledgerWei,
    tokenWei,
    gasWei,
  }
}

const isSame = (a: Hex, b: Hex): boolean => a.toLowerCase() === b.toLowerCase()
