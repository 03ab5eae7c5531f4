import { encodeDeployData, encodeFunctionData, getContractAddress } from 'viem'
import type { Address } from '../../base/hex.js'
import { CONTRACT_BUILDS } from './contractBuilds.js'
import { DEFAULT_PARAMETERS } from './defaultParameters.js'
import type { DeploymentPlan, DeploymentRequest, NetworkContracts } from './plan.js'

/**
 * Plans what contracts/script/Deploy.s.sol does, from the bytecode that is shipped with the program.
 *
 * @param existing contracts of an interrupted deployment that are to be used; registry and consensus know each other, so that
 *   both are made or none.
 */
export function planFromBytecode({
  owner,
  nonce,
  parameters,
  relays,
  existing = {},
}: DeploymentRequest & {
  owner: Address
  nonce: number
  existing?: Partial<Pick<NetworkContracts, 'token' | 'incentivePool'>>
}): DeploymentPlan {
  const transactions: DeploymentPlan['transactions'][number][] = []
  const addressAfter = (others: number): Address =>
    getContractAddress({ from: owner, nonce: BigInt(nonce + transactions.length + others) })
  const create = (contract: keyof NetworkContracts, args: readonly unknown[]): Address => {
    const { abi, bytecode } = CONTRACT_BUILDS[contract]
    const creates = addressAfter(0)
    transactions.push({ to: null, data: encodeDeployData({ abi, bytecode, args } as never), creates })
    return creates
  }
  const token = existing.token ?? create('token', [])
  const incentivePool = existing.incentivePool ?? create('incentivePool', [token, owner])
  // Each of the two names the other: the address of the second is known before it is there.
  const registry = create('registry', [token, incentivePool, addressAfter(1), owner])
  const consensus = create('consensus', [token, registry, owner])

  const onRegistry = (functionName: string, ...args: unknown[]) =>
    transactions.push({
      to: registry,
      data: encodeFunctionData({ abi: CONTRACT_BUILDS.registry.abi, functionName, args }),
      creates: null,
    })
  const onConsensus = (functionName: string, ...args: unknown[]) =>
    transactions.push({
      to: consensus,
      data: encodeFunctionData({ abi: CONTRACT_BUILDS.consensus.abi, functionName, args }),
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
  const unbondingFirst = unbondingSeconds !== undefined && unbondingSeconds > DEFAULT_PARAMETERS.unbondingSeconds
  if (unbondingFirst) onRegistry('setUnbonding', BigInt(unbondingSeconds))
  if (uploadWindowSeconds !== undefined) onConsensus('setUploadWindow', BigInt(uploadWindowSeconds))
  if (unbondingSeconds !== undefined && !unbondingFirst) onRegistry('setUnbonding', BigInt(unbondingSeconds))
  if (minimum !== undefined || maximum !== undefined) {
    onConsensus(
      'setExecutionTimeouts',
      BigInt(minimum ?? DEFAULT_PARAMETERS.minimumExecutionTimeoutSeconds),
      BigInt(maximum ?? DEFAULT_PARAMETERS.maximumExecutionTimeoutSeconds),
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
