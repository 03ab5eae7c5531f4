/**
 * The candidate that is most likely meant by a mistyped name: the smallest Levenshtein distance, ignoring case,
 * and at most a third of the name away; undefined when nothing is that near.
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  // Long unknown names come from strangers; the distance costs the product of the lengths.
  const wanted = name.toLowerCase().slice(0, 64)
  let best: { candidate: string; distance: number } | undefined
  for (const candidate of candidates) {
    const distance = levenshtein(wanted, candidate.toLowerCase())
    if (distance <= Math.max(2, Math.ceil(wanted.length / 3)) && (!best || distance < best.distance))
      best = { candidate, distance }
  }
  return best?.candidate
}

function levenshtein(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
