import { nodeRegistryAbi, taskConsensusAbi } from '../abi.generated.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'

/** The rules of one network that its owner can set, within the contracts' bounds. */
export type NetworkParameters = {
  minimumStakeWei: bigint
  unbondingSeconds: number
  /** Part of a stake that silence costs; 200 = 2 %. */
  penaltyBasisPoints: number
  /** Scores agree below this number of different bits in every 8-byte block. */
  hammingThreshold: number
  minimumExecutionTimeoutSeconds: number
  maximumExecutionTimeoutSeconds: number
  revealWindowSeconds: number
  uploadWindowSeconds: number
  /** Part of the fee that nodes get for agreeing on an error; 2000 = 20 %. */
  errorFeeBasisPoints: number
  /** The lowest fee of a task. */
  minimumFeeWei: bigint
}

/** Reads the network's parameters. */
export async function readParameters(chain: ChainReader): Promise<NetworkParameters> {
  const { registry, consensus } = chain.profile.contracts
  const fromRegistry = (functionName: 'minimumStakeWei' | 'unbondingSeconds' | 'penaltyBasisPoints') =>
    call(chain.client.readContract({ address: registry, abi: nodeRegistryAbi, functionName }))
  const fromConsensus = (
    functionName:
      | 'hammingThreshold'
      | 'minimumExecutionTimeoutSeconds'
      | 'maximumExecutionTimeoutSeconds'
      | 'revealWindowSeconds'
      | 'uploadWindowSeconds'
      | 'errorFeeBasisPoints',
  ) => call(chain.client.readContract({ address: consensus, abi: taskConsensusAbi, functionName })).then(Number)
  const [minimumStakeWei, unbonding, penalty, hamming, minimum, maximum, reveal, upload, errorFee, minimumFeeWei] =
    await Promise.all([
      fromRegistry('minimumStakeWei'),
      fromRegistry('unbondingSeconds'),
      fromRegistry('penaltyBasisPoints'),
      fromConsensus('hammingThreshold'),
      fromConsensus('minimumExecutionTimeoutSeconds'),
      fromConsensus('maximumExecutionTimeoutSeconds'),
      fromConsensus('revealWindowSeconds'),
      fromConsensus('uploadWindowSeconds'),
      fromConsensus('errorFeeBasisPoints'),
      call(chain.client.readContract({ address: consensus, abi: taskConsensusAbi, functionName: 'minimumFeeWei' })),
    ])
  return {
    minimumStakeWei,
    unbondingSeconds: Number(unbonding),
    penaltyBasisPoints: Number(penalty),
    hammingThreshold: hamming,
    minimumExecutionTimeoutSeconds: minimum,
    maximumExecutionTimeoutSeconds: maximum,
    revealWindowSeconds: reveal,
    uploadWindowSeconds: upload,
    errorFeeBasisPoints: errorFee,
    minimumFeeWei,
  }
}
