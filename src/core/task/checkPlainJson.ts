/** How deep task arguments may nest; the schemas themselves need six levels, JSON-schema tools a few more. */
const MAXIMUM_DEPTH = 32

/**
 * Says what makes a value unfit to be looked at by a schema: nesting too deep, a `__proto__` key, an object that is not plain data.
 *
 * Walks with its own stack, so that a hostile depth cannot overflow the call stack.
 *
 * @returns the path and the complaint of the first problem, or undefined when the value is plain JSON.
 */
export function checkPlainJson(value: unknown): { path: string; complaint: string } | undefined {
  const pending: { value: unknown; path: string; depth: number }[] = [{ value, path: '', depth: 0 }]
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { value: current, path, depth } = next
    if (typeof current === 'number' && !Number.isFinite(current))
      return { path, complaint: `is ${current}, must be a finite number` }
    if (typeof current !== 'object' || current === null) continue
    if (depth >= MAXIMUM_DEPTH)
      return { path: shorten(path), complaint: `is nested deeper than ${MAXIMUM_DEPTH} levels` }
    if (!Array.isArray(current)) {
      const prototype = Object.getPrototypeOf(current)
      if (prototype !== Object.prototype && prototype !== null)
        return { path: path || 'arguments', complaint: 'is not plain JSON data' }
    }
    for (const key of Object.keys(current)) {
      const inner = path ? `${path}.${key}` : key
      if (key === '__proto__') return { path: shorten(inner), complaint: 'is not allowed' }
      pending.push({ value: (current as Record<string, unknown>)[key], path: inner, depth: depth + 1 })
    }
  }
  return undefined
}

const shorten = (path: string): string => (path.length > 80 ? `${path.slice(0, 77)}…` : path)
