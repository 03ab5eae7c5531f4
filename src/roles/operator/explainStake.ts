import type { ChainReader } from '../../chain/client.js'
import { readParameters } from '../../chain/read/parameters.js'

/** What locking a stake means: what can be lost for what, and when the rest comes back. */
export type StakeExplanation = {
  stakeWei: bigint
  minimumStakeWei: bigint
  unbondingSeconds: number
  risks: { cause: string; why: string; lossWei: bigint; consequence: string }[]
}

/** Explains a stake of `amountWei` (default: the minimum) under the network's present rules. */
export async function explainStake(
  chain: ChainReader,
  { amountWei }: { amountWei?: bigint | undefined } = {},
): Promise<StakeExplanation> {
  const rules = await readParameters(chain)
  const stakeWei = amountWei ?? rules.minimumStakeWei
  const penaltyWei = (stakeWei * BigInt(rules.penaltyBasisPoints)) / 10_000n
  return {
    stakeWei,
    minimumStakeWei: rules.minimumStakeWei,
    unbondingSeconds: rules.unbondingSeconds,
    risks: [
      {
        cause: 'a result that the two other nodes do not confirm',
        why: 'three nodes run each task, and whoever differs from two that agree is taken for a cheat (an honest node, too, should two cheats conspire)',
        lossWei: stakeWei,
        consequence: 'the node is removed from the network',
      },
      {
        cause: 'reporting valid arguments as invalid, or a result for invalid ones',
        why: 'every node can check that by itself, so there is no honest way to differ',
        lossWei: stakeWei,
        consequence: 'the node is removed from the network',
      },
      {
        cause: 'uploading something else than the result that was agreed on',
        why: "the relay re-computes the score of a disputed upload with the application's one-task key",
        lossWei: stakeWei,
        consequence: 'the node is removed, and another node delivers',
      },
      {
        cause: 'no commitment or no reveal in time',
        why: 'the others and the application have to wait for the deadline',
        lossWei: penaltyWei,
        consequence: 'the node is paused until it resumes',
      },
      {
        cause: 'not uploading the result in time when it is your turn',
        why: 'the application has to wait for another node',
        lossWei: penaltyWei,
        consequence: 'the node is paused until it resumes, and its share of the fee passes to the next one',
      },
    ],
  }
}
