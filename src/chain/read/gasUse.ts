import { type Abi, toFunctionSelector, type Hex as ViemHex } from 'viem'
import type { Address } from '../../base/hex.js'
import { nodeRegistryAbi, taskConsensusAbi } from '../abi.generated.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'

/** What one kind of transaction has cost. */
export type GasUse = {
  contract: 'registry' | 'consensus'
  /** The contract's function, e.g. `createTask`. */
  function: string
  count: number
  leastGas: bigint
  mostGas: bigint
  totalGas: bigint
  /** Those that failed are in the sums too: they cost as well. */
  reverted: number
}

const CONTRACTS = { registry: nodeRegistryAbi, consensus: taskConsensusAbi } as const

/**
 * Adds up the gas of every transaction to the network's contracts in a range of blocks, by function, in the order of their
 * first appearance. Reads every block of the range: meant for devnets and reports, not for long chains.
 */
export async function readGasUse(
  chain: ChainReader,
  { fromBlock, toBlock }: { fromBlock?: number; toBlock?: number } = {},
): Promise<GasUse[]> {
  const last = toBlock ?? Number(await call(chain.client.getBlockNumber()))
  const names = new Map<string, { contract: GasUse['contract']; function: string }>()
  for (const contract of ['registry', 'consensus'] as const) {
    const address = chain.profile.contracts[contract].toLowerCase()
    for (const [selector, name] of functionsOf(CONTRACTS[contract])) {
      names.set(`${address}${selector}`, { contract, function: name })
    }
  }
  const uses = new Map<string, GasUse>()
  for (let number = fromBlock ?? chain.profile.deployedAtBlock; number <= last; number++) {
    chain.signal?.throwIfAborted()
    const block = await call(chain.client.getBlock({ blockNumber: BigInt(number), includeTransactions: true }))
    for (const { hash, to, input } of block.transactions) {
      const name = names.get(keyOf(to, input))
      if (!name) continue
      const { gasUsed, status } = await call(chain.client.getTransactionReceipt({ hash }))
      const key = `${name.contract}.${name.function}`
      const before = uses.get(key) ?? {
        ...name,
        count: 0,
        leastGas: gasUsed,
        mostGas: gasUsed,
        totalGas: 0n,
        reverted: 0,
      }
      uses.set(key, {
        ...before,
        count: before.count + 1,
        leastGas: gasUsed < before.leastGas ? gasUsed : before.leastGas,
        mostGas: gasUsed > before.mostGas ? gasUsed : before.mostGas,
        totalGas: before.totalGas + gasUsed,
        reverted: before.reverted + (status === 'success' ? 0 : 1),
      })
    }
  }
  return [...uses.values()]
}

const keyOf = (to: Address | null, input: ViemHex): string => `${to?.toLowerCase()}${input.slice(0, 10)}`

const functionsOf = (abi: Abi): [selector: string, name: string][] =>
  abi.flatMap((item) => (item.type === 'function' ? [[toFunctionSelector(item), item.name]] : []))
