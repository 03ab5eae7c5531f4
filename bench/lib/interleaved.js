/**
 * Times several pieces of work in turns, so that what else the machine does meets all of them alike.
 *
 * @param cases name → function, which may be asynchronous
 * @param primed runs each once more before it is timed, so that none finds the caches as another left them
 * @returns name → milliseconds of each round, the warm-up left out
 */
export async function interleaved(cases, { rounds, warmUp, primed = false }) {
  const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]))
  for (let round = -warmUp; round < rounds; round++) {
    for (const [name, run] of Object.entries(cases)) {
      if (primed) await run()
      const start = performance.now()
      await run()
      if (round >= 0) times[name].push(performance.now() - start)
    }
  }
  return times
}

/** The value below which this share of the values lies. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
}

/** Least, median and nine tenths. */
export const spread = (values) => [0, 0.5, 0.9].map((share) => quantile(values, share))
