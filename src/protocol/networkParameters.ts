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
