/** Up to here an insertion into the list of the best is quicker than sorting everything. */
const FEW = 2048

/** Places of the `count` largest values, largest first; of equal values the earlier one. Values that are −∞ are left out. */
export function largestPlaces(values: Float32Array, count: number): number[] {
  if (count > FEW) {
    return finitePlaces(values)
      .sort((a, b) => at(values, b) - at(values, a) || a - b)
      .slice(0, count)
  }
  const best: number[] = []
  for (let place = 0; place < values.length; place++) {
    const value = at(values, place)
    if (value === Number.NEGATIVE_INFINITY) continue
    if (best.length === count && !(value > at(values, best[count - 1] ?? 0))) continue
    let [low, high] = [0, best.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (at(values, best[middle] ?? 0) >= value) low = middle + 1
      else high = middle
    }
    best.splice(low, 0, place)
    if (best.length > count) best.pop()
  }
  return best
}

/** Places of all values that have not been removed (set to −∞). */
export function finitePlaces(values: Float32Array): number[] {
  const places: number[] = []
  for (let place = 0; place < values.length; place++) {
    if (at(values, place) !== Number.NEGATIVE_INFINITY) places.push(place)
  }
  return places
}

const at = (values: Float32Array, place: number): number => values[place] ?? 0
