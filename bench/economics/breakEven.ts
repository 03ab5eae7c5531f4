import type { Rules } from './rules.js'

/**
 * The stake from which lying in *every* task pays less than honest work, for nodes that lie whoever else was drawn.
 *
 * A drawn node of an operator with share f meets no accomplice with chance (1 − f)², and is slashed; one with 2f(1 − f), and
 * gets half of the fee F; two with f², and gets a third. Honest work brings F/3 and costs c. So the stake S must be
 * above (c − F/3 + F·f(1 − f) + F·f²/3) / (1 − f)².
 */
export const blindStake = ({ fee, share, work }: { fee: number; share: number; work: number }): number =>
  Math.max(0, (work - fee / 3 + fee * share * (1 - share) + (fee * share ** 2) / 3) / (1 - share) ** 2)

/** The fee up to which `stake` is enough for that, where work costs the part `workShare` of what it is paid. */
export function blindFee({ stake, share, workShare }: { stake: number; share: number; workShare: number }): number {
  const perCnx = blindStake({ fee: 1, share, work: workShare / 3 })
  return perCnx === 0 ? Number.POSITIVE_INFINITY : stake / perCnx
}

/**
 * The part of its wrong results that a colluding pair would have to be slashed for afterwards, for lying to pay less than
 * honest work. There is no such audit. A pair gains F/3 + 2c by a lie; found out, it would lose two stakes.
 */
export const auditRate = ({ fee, work, stake }: { fee: number; work: number; stake: number }): number =>
  (fee / 3 + 2 * work) / (2 * stake)

/**
 * The chance of being in the minority, per task, that eats up what an honest node earns. By its own fault (its result differs),
 * or by a pair that lies together: a drawn node meets two nodes of an operator with share f with chance f².
 */
export const bearableMinority = ({ fee, work, stake }: { fee: number; work: number; stake: number }): number =>
  (fee / 3 - work) / (fee / 3 + stake)

/**
 * The share of nodes that always report "unavailable" from which on doing so pays more than honest work.
 *
 * With F = 1: an honest node gets (1 − f)²/3 + f(1 − f) − c, a lazy one e·f(1 − f) + e·f²/3 for an error fee of e.
 */
export function lazyShare({ workShare, errorFee }: { workShare: number; errorFee: number }): number {
  const advantage = (f: number) => {
    const honest = (1 - f) ** 2 / 3 + f * (1 - f) - workShare / 3
    return honest - errorFee * (f * (1 - f) + f ** 2 / 3)
  }
  let [low, high] = [0, 1]
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (advantage(middle) > 0) low = middle
    else high = middle
  }
  return low
}

/** What `count` penalties leave of a stake, rounded as the contract does, and whether a paused node may still resume. */
export function afterPenalties(
  count: number,
  { stake, penalty, resume }: Rules,
): { stakeWei: bigint; resumes: boolean } {
  const basisPoints = BigInt(Math.round(penalty * 10_000))
  const fullWei = BigInt(stake) * 10n ** 18n
  let stakeWei = fullWei
  for (let i = 0; i < count; i++) stakeWei -= (stakeWei * basisPoints) / 10_000n
  return { stakeWei, resumes: stakeWei * 10_000n >= fullWei * BigInt(Math.round(resume * 10_000)) }
}
