/** What the coin of a chain is worth to us: nothing on a development chain or a test network, perhaps much anywhere else. */
export type ChainKind = 'development' | 'test' | 'other'

const DEVELOPMENT: readonly number[] = [
  1_337, // geth --dev, ganache
  31_337, // anvil, hardhat
]

/** Public test networks. One that is missing costs its user a `--yes`; one too many could cost money. */
const TEST: readonly number[] = [
  11_155_111, // Ethereum Sepolia
  17_000, // Ethereum Holesky
  560_048, // Ethereum Hoodi
  421_614, // Arbitrum Sepolia
  84_532, // Base Sepolia
  11_155_420, // OP Sepolia
  80_002, // Polygon Amoy
  10_200, // Gnosis Chiado
  97, // BNB Smart Chain Testnet
  43_113, // Avalanche Fuji
  59_141, // Linea Sepolia
  534_351, // Scroll Sepolia
]

/** Whether a chain is known to be one on which nothing is worth anything. */
export function chainKindOf(chainId: number): ChainKind {
  if (DEVELOPMENT.includes(chainId)) return 'development'
  return TEST.includes(chainId) ? 'test' : 'other'
}
