import type { NetworkParameters } from '../../protocol/networkParameters.js'
import { nodeRegistryAbi, taskConsensusAbi } from '../abi.generated.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'

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
