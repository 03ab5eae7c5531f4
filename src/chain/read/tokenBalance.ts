import { erc20Abi } from 'viem'
import type { Address } from '../../base/hex.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'

/** An account's CNX, in wei, outside of ledger and stakes. */
export const readTokenBalance = (chain: ChainReader, { account }: { account: Address }): Promise<bigint> =>
  call(
    chain.client.readContract({
      address: chain.profile.contracts.token,
      abi: erc20Abi,
      functionName: 'balanceOf',
      args: [account],
    }),
  )
