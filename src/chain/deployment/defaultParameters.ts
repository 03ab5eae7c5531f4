import type { NetworkParameters } from '../../protocol/networkParameters.js'

/** What the contracts begin with. A test compares it with a network that was deployed without any wishes. */
export const DEFAULT_PARAMETERS: NetworkParameters = {
  minimumStakeWei: 400n * 10n ** 18n,
  unbondingSeconds: 1_800,
  penaltyBasisPoints: 200,
  hammingThreshold: 5,
  minimumExecutionTimeoutSeconds: 60,
  maximumExecutionTimeoutSeconds: 7_200,
  revealWindowSeconds: 300,
  uploadWindowSeconds: 600,
  errorFeeBasisPoints: 2_000,
  minimumFeeWei: 3n,
}
