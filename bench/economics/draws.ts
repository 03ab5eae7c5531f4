/** Chances that 0, 1, 2 and 3 of the three drawn nodes belong to the operator. */
export type Draw = readonly [none: number, one: number, two: number, three: number]

/** In a network so large that one draw does not change the share of the next: binomial. */
export const drawOfShare = (share: number): Draw => [
  (1 - share) ** 3,
  3 * share * (1 - share) ** 2,
  3 * share ** 2 * (1 - share),
  share ** 3,
]

/** `own` of `total` free nodes: hypergeometric, exact. */
export function drawOfNodes(total: number, own: number): Draw {
  const chance = (k: number) => (choose(own, k) * choose(total - own, 3 - k)) / choose(total, 3)
  return [chance(0), chance(1), chance(2), chance(3)]
}

/**
 * Text for any GPU model, the operator's nodes all under a name that nobody else uses: a random node leads, and brings two of
 * its own model.
 */
export const drawOfOwnModel = (share: number): Draw => [1 - share, 0, 0, share]

/** The chance of a majority: 3f² − 2f³ for a share f. */
export const majority = (draw: Draw): number => draw[2] + draw[3]

/** The share with which `draw` gives a majority with the given chance. */
export function shareForMajority(chance: number): number {
  let [low, high] = [0, 1]
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (majority(drawOfShare(middle)) < chance) low = middle
    else high = middle
  }
  return high
}

/** The share of the *free* nodes, where the others are busy for a part `busy` of the time, and the operator's never are. */
export const shareOfFree = (share: number, busy: number): number => share / (share + (1 - share) * (1 - busy))

/** How many trials it takes until something of the given chance has happened with the given certainty. */
export const trialsUntil = (chance: number, certainty: number): number =>
  chance >= 1 ? 1 : Math.ceil(Math.log(1 - certainty) / Math.log1p(-chance))

function choose(n: number, k: number): number {
  let result = 1
  for (let i = 0; i < k; i++) result = (result * (n - i)) / (i + 1)
  return result
}
