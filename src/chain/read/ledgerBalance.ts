import type { Address } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'

/** An account's balance inside TaskConsensus, in wei: deposits, refunds and earnings that were not withdrawn. */
export const readLedgerBalance = (chain: ChainReader, { account }: { account: Address }): Promise<bigint> =>
  call(
    chain.client.readContract({
      address: chain.profile.contracts.consensus,
      abi: taskConsensusAbi,
      functionName: 'balanceOf',
      args: [account],
    }),
  )
