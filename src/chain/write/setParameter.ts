import { encodeFunctionData } from 'viem'
import type { Address, Hex } from '../../base/hex.js'
import type { NetworkParameters } from '../../protocol/networkParameters.js'
import { nodeRegistryAbi, taskConsensusAbi } from '../abi.generated.js'
import type { ChainReader, ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** The setter of a parameter: where it is, and what it takes when this parameter is set and the others stay as they are. */
type Setter = (parameters: NetworkParameters) => { contract: 'registry' | 'consensus'; data: Hex }

const onRegistry =
  (
    functionName: 'setMinimumStake' | 'setUnbonding' | 'setPenalty',
    value: (parameters: NetworkParameters) => number | bigint,
  ): Setter =>
  (parameters) => ({
    contract: 'registry',
    data: encodeFunctionData({ abi: nodeRegistryAbi, functionName, args: [BigInt(value(parameters))] }),
  })

const onConsensus =
  (
    functionName: 'setRevealWindow' | 'setUploadWindow' | 'setHammingThreshold' | 'setErrorFee' | 'setMinimumFee',
    value: (parameters: NetworkParameters) => number | bigint,
  ): Setter =>
  (parameters) => ({
    contract: 'consensus',
    data: encodeFunctionData({ abi: taskConsensusAbi, functionName, args: [BigInt(value(parameters))] }),
  })

const setTimeouts: Setter = ({ minimumExecutionTimeoutSeconds: minimum, maximumExecutionTimeoutSeconds: maximum }) => ({
  contract: 'consensus',
  data: encodeFunctionData({
    abi: taskConsensusAbi,
    functionName: 'setExecutionTimeouts',
    args: [BigInt(minimum), BigInt(maximum)],
  }),
})

const SETTERS: Record<keyof NetworkParameters, Setter> = {
  minimumStakeWei: onRegistry('setMinimumStake', ({ minimumStakeWei }) => minimumStakeWei),
  unbondingSeconds: onRegistry('setUnbonding', ({ unbondingSeconds }) => unbondingSeconds),
  penaltyBasisPoints: onRegistry('setPenalty', ({ penaltyBasisPoints }) => penaltyBasisPoints),
  hammingThreshold: onConsensus('setHammingThreshold', ({ hammingThreshold }) => hammingThreshold),
  minimumExecutionTimeoutSeconds: setTimeouts,
  maximumExecutionTimeoutSeconds: setTimeouts,
  revealWindowSeconds: onConsensus('setRevealWindow', ({ revealWindowSeconds }) => revealWindowSeconds),
  uploadWindowSeconds: onConsensus('setUploadWindow', ({ uploadWindowSeconds }) => uploadWindowSeconds),
  errorFeeBasisPoints: onConsensus('setErrorFee', ({ errorFeeBasisPoints }) => errorFeeBasisPoints),
  minimumFeeWei: onConsensus('setMinimumFee', ({ minimumFeeWei }) => minimumFeeWei),
}

/** The call that sets one parameter to its value in `parameters`. */
export function parameterCall(
  chain: ChainReader,
  { name, parameters }: { name: keyof NetworkParameters; parameters: NetworkParameters },
): { to: Address; data: Hex } {
  const { contract, data } = SETTERS[name](parameters)
  return { to: chain.profile.contracts[contract], data }
}

/** Sets one parameter of the network to its value in `parameters`; only the owner can. */
export async function setParameter(
  chain: ChainWriter,
  change: { name: keyof NetworkParameters; parameters: NetworkParameters },
): Promise<Sent> {
  const { sent } = await sendContractCall(chain, parameterCall(chain, change))
  return sent
}
