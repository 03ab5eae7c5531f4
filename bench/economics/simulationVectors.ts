import { afterPenalties } from './breakEven.js'
import { type Draw, drawOfNodes, drawOfOwnModel, majority } from './draws.js'
import { DEFAULT_FEE, DEFAULT_RULES, LONGEST_EXECUTION_SECONDS } from './rules.js'
import { payoffOf } from './strategies.js'

/** What the simulation on the contracts must come out at: see test/contracts/Economics.t.sol. */
export function simulationVectors(): object {
  const [nodes, own] = [30, 10]
  const strategies = {
    honest: { deviation: 'honest', from: 1 },
    liesTogether: { deviation: 'lie', from: 2 },
    liesAlways: { deviation: 'lie', from: 1 },
    silent: { deviation: 'silent', from: 1 },
    unavailable: { deviation: 'unavailable', from: 1 },
    invalid: { deviation: 'invalid', from: 1 },
    withholds: { deviation: 'withhold', from: 1 },
  } as const
  const wei = (cnx: number) => (BigInt(Math.round(cnx * 1e6)) * 10n ** 12n).toString()
  const chances = (draw: Draw) => draw.map((chance) => Math.round(chance * 1e9).toString())
  return {
    feeWei: wei(DEFAULT_FEE),
    stakeWei: wei(DEFAULT_RULES.stake),
    penaltyBasisPoints: Math.round(DEFAULT_RULES.penalty * 10_000),
    errorFeeBasisPoints: Math.round(DEFAULT_RULES.errorFee * 10_000),
    longestExecutionSeconds: LONGEST_EXECUTION_SECONDS,
    nodes,
    own,
    /** Billionths. */
    chances: { image: chances(drawOfNodes(nodes, own)), textOfOwnModel: chances(drawOfOwnModel(own / nodes)) },
    /** Tasks, on average, until one draws both of two own nodes out of ten; in thousandths. */
    drawsUntilPair: { nodes: 10, mean: Math.round(1_000 / majority(drawOfNodes(10, 2))) },
    /** What is left of the stake after 0, 1, 2 … penalties, for as long as a paused node may resume, and one more. */
    stakeAfterPenaltiesWei: Array.from({ length: 100 }, (_, count) => afterPenalties(count, DEFAULT_RULES))
      .filter((_, count, all) => count === 0 || all[count - 1]?.resumes)
      .map(({ stakeWei }) => stakeWei.toString()),
    payoffs: Object.fromEntries(
      Object.entries(strategies).map(([name, strategy]) => {
        const payoffs = [0, 1, 2, 3].map((count) =>
          payoffOf(strategy, { own: count, fee: DEFAULT_FEE, rules: DEFAULT_RULES }),
        )
        return [
          name,
          {
            ownWei: payoffs.map((payoff) => wei(payoff.own)),
            othersWei: payoffs.map((payoff) => wei(payoff.others)),
            creatorWei: payoffs.map((payoff) => wei(payoff.creator)),
          },
        ]
      }),
    ),
  }
}
