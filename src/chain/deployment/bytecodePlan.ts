import { type Abi, encodeDeployData, encodeFunctionData, getContractAddress } from 'viem'
import type { Address, Hex } from '../../base/hex.js'
import { crynuxTokenAbi, incentivePoolAbi, nodeRegistryAbi, taskConsensusAbi } from '../abi.generated.js'
import {
  crynuxTokenBytecode,
  incentivePoolBytecode,
  nodeRegistryBytecode,
  taskConsensusBytecode,
} from '../bytecode.generated.js'
import type { DeploymentPlan, DeploymentRequest } from './plan.js'

/** The contracts' own defaults that decide the order of the setters. */
const DEFAULT_UNBONDING_SECONDS = 1_800
const DEFAULT_MINIMUM_TIMEOUT_SECONDS = 60
const DEFAULT_MAXIMUM_TIMEOUT_SECONDS = 7_200

/** Plans what contracts/script/Deploy.s.sol does, from the bytecode that is shipped with the program. */
export function planFromBytecode({
  owner,
  nonce,
  parameters,
  relays,
}: DeploymentRequest & { owner: Address; nonce: number }): DeploymentPlan {
  const transactions: DeploymentPlan['transactions'][number][] = []
  const addressAfter = (others: number): Address =>
    getContractAddress({ from: owner, nonce: BigInt(nonce + transactions.length + others) })
  const create = (abi: Abi, bytecode: Hex, args: readonly unknown[]): Address => {
    const creates = addressAfter(0)
    transactions.push({ to: null, data: encodeDeployData({ abi, bytecode, args } as never), creates })
    return creates
  }
  const token = create(crynuxTokenAbi, crynuxTokenBytecode, [])
  const incentivePool = create(incentivePoolAbi, incentivePoolBytecode, [token, owner])
  // Each of the two names the other: the address of the second is known before it is there.
  const registry = create(nodeRegistryAbi, nodeRegistryBytecode, [token, incentivePool, addressAfter(1), owner])
  const consensus = create(taskConsensusAbi, taskConsensusBytecode, [token, registry, owner])

  const onRegistry = (functionName: string, ...args: unknown[]) =>
    transactions.push({
      to: registry,
      data: encodeFunctionData({ abi: nodeRegistryAbi as Abi, functionName, args }),
      creates: null,
    })
  const onConsensus = (functionName: string, ...args: unknown[]) =>
    transactions.push({
      to: consensus,
      data: encodeFunctionData({ abi: taskConsensusAbi as Abi, functionName, args }),
      creates: null,
    })

  const {
    unbondingSeconds,
    uploadWindowSeconds,
    minimumExecutionTimeoutSeconds: minimum,
    maximumExecutionTimeoutSeconds: maximum,
    revealWindowSeconds,
    hammingThreshold,
    errorFeeBasisPoints,
    minimumFeeWei,
    minimumStakeWei,
    penaltyBasisPoints,
  } = parameters
  // Unbonding may never be shorter than the challenges that follow from the upload window.
  const unbondingFirst = unbondingSeconds !== undefined && unbondingSeconds > DEFAULT_UNBONDING_SECONDS
  if (unbondingFirst) onRegistry('setUnbonding', BigInt(unbondingSeconds))
  if (uploadWindowSeconds !== undefined) onConsensus('setUploadWindow', BigInt(uploadWindowSeconds))
  if (unbondingSeconds !== undefined && !unbondingFirst) onRegistry('setUnbonding', BigInt(unbondingSeconds))
  if (minimum !== undefined || maximum !== undefined) {
    onConsensus(
      'setExecutionTimeouts',
      BigInt(minimum ?? DEFAULT_MINIMUM_TIMEOUT_SECONDS),
      BigInt(maximum ?? DEFAULT_MAXIMUM_TIMEOUT_SECONDS),
    )
  }
  if (revealWindowSeconds !== undefined) onConsensus('setRevealWindow', BigInt(revealWindowSeconds))
  if (hammingThreshold !== undefined) onConsensus('setHammingThreshold', BigInt(hammingThreshold))
  if (errorFeeBasisPoints !== undefined) onConsensus('setErrorFee', BigInt(errorFeeBasisPoints))
  if (minimumFeeWei !== undefined) onConsensus('setMinimumFee', minimumFeeWei)
  if (minimumStakeWei !== undefined) onRegistry('setMinimumStake', minimumStakeWei)
  if (penaltyBasisPoints !== undefined) onRegistry('setPenalty', BigInt(penaltyBasisPoints))
  for (const { address, url } of relays) onConsensus('setRelay', address, url)
  return { transactions, contracts: { token, registry, consensus, incentivePool } }
}
