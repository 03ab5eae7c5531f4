const REMEMBERED = 16

/** Remembers the last few results of a pure function of numbers. */
export function createRecall<Arguments extends number[], Result>(
  compute: (...given: Arguments) => Result,
): (...given: Arguments) => Result {
  const results = new Map<string, Result>()
  return (...given) => {
    const key = given.join(':')
    const known = results.get(key)
    if (known !== undefined) return known
    const result = compute(...given)
    if (results.size >= REMEMBERED) results.delete(results.keys().next().value as string)
    results.set(key, result)
    return result
  }
}
