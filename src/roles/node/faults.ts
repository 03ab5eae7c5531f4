import { CrynuxError, EXIT } from '../../base/errors.js'

/** Ways to cheat or fail on purpose, for drills on a local chain. */
export const FAULTS = ['wrong-result', 'silent', 'late', 'copy-commit', 'bad-upload'] as const
export type Fault = (typeof FAULTS)[number]

const LOCAL_CHAIN_ID = 31337

/**
 * Refuses cheating anywhere but on a local chain, where no real stake can be lost.
 *
 * @throws FaultRefusedError (exit 2)
 */
export function assertFaultAllowed(fault: Fault | undefined, chainId: number): void {
  if (fault === undefined || chainId === LOCAL_CHAIN_ID) return
  throw new FaultRefusedError(`--fault ${fault} is refused on chain ${chainId}`, {
    remedy: `Drills run on a local chain (id ${LOCAL_CHAIN_ID}) only: here the node would lose its stake.`,
  })
}

/** A drill outside the training ground. */
export class FaultRefusedError extends CrynuxError {
  override readonly code = 'CRYNUX_FAULT_REFUSED'
  override readonly exitCode = EXIT.usage
}
