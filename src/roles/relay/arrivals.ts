import { RelayProblem } from './problem.js'

/** Lets one body at a time arrive at each place, so that repeating an upload cannot multiply what lies on the disk. */
export type Arrivals = <T>(place: string, arrive: () => Promise<T>) => Promise<T>

/** Creates the places of one process. A second body for a place is refused as `busy`; the place is free before an answer is sent. */
export function createArrivals(): Arrivals {
  const taken = new Set<string>()
  return async (place, arrive) => {
    if (taken.has(place)) throw new RelayProblem('busy', undefined, { retryAfterSeconds: 1 })
    taken.add(place)
    try {
      return await arrive()
    } finally {
      taken.delete(place)
    }
  }
}
