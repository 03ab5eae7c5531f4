import type { Draw } from './draws.js'
import type { Rules } from './rules.js'

/** What one task brings, in CNX: to all nodes of the operator together, to all other nodes together, to the creator. */
export type Payoff = { own: number; others: number; creator: number }

/**
 * What an operator's nodes do. `lie`: the same wrong result from all of them. `silent`: no commitment. `unavailable`: they
 * report that the arguments cannot be had, which proves nothing. `invalid`: they report that the arguments are invalid.
 * `withhold`: the right result, committed first, and then no upload.
 */
export type Deviation = 'honest' | 'lie' | 'silent' | 'unavailable' | 'invalid' | 'withhold'

/** Deviates in tasks that drew at least `from` nodes of the operator: all can see who was drawn before they commit. */
export type Strategy = { deviation: Deviation; from: 1 | 2 | 3 }

/** What a task brings that drew `own` nodes of the operator; the other nodes are honest and agree (protocol §5). */
export function payoffOf(
  { deviation, from }: Strategy,
  { own, fee, rules }: { own: number; fee: number; rules: Rules },
): Payoff {
  const { stake, penalty, errorFee } = rules
  const success = (ownGets: number, othersGet: number): Payoff => ({ own: ownGets, others: othersGet, creator: -fee })
  if (own < from || deviation === 'honest') return success((fee * own) / 3, (fee * (3 - own)) / 3)

  switch (deviation) {
    case 'lie':
      if (own === 1) return success(-stake, fee)
      return success(fee, own === 2 ? -stake : 0)
    case 'silent':
      if (own === 1) return success(-stake * penalty, fee)
      return { own: -own * stake * penalty, others: 0, creator: 0 }
    case 'unavailable':
      if (own === 1) return success(0, fee)
      return { own: errorFee * fee, others: 0, creator: -errorFee * fee }
    case 'invalid':
      if (own === 1) return success(-stake, fee)
      return { own: errorFee * fee, others: own === 2 ? -stake : 0, creator: -errorFee * fee }
    case 'withhold': {
      // The verdict pays all but the uploader. The uploader's share goes to whoever uploads in the end.
      const penalties = own * stake * penalty
      const kept = ((own - 1) * fee) / 3
      if (own === 3) return { own: kept - penalties, others: 0, creator: -kept }
      return success(kept - penalties, fee - kept)
    }
  }
}

/** How many of the operator's nodes do the work in a task that drew `own` of them. */
export const worksOf = ({ deviation, from }: Strategy, own: number): number =>
  own < from || deviation === 'honest' || deviation === 'withhold' ? own : 0

/** What the operator gains per task over being honest, where one node's work costs `work` CNX. */
export function gainOf(
  strategy: Strategy,
  { draw, fee, work, rules }: { draw: Draw; fee: number; work: number; rules: Rules },
): number {
  let gain = 0
  for (const [own, chance] of draw.entries()) {
    const honest = (fee * own) / 3 - work * own
    gain += chance * (payoffOf(strategy, { own, fee, rules }).own - work * worksOf(strategy, own) - honest)
  }
  return gain
}
