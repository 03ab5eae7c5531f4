/**
 * Parses JSON as Python's `json` module writes it, which has `NaN`, `Infinity` and `-Infinity` as bare words.
 *
 * Models' configurations hold them, e.g. `"lambda_min_clipped": -Infinity` in a `scheduler_config.json`.
 *
 * @throws SyntaxError for what is not JSON apart from them
 */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw error
    let nans = 0
    // Strings are matched first, to the end of the text if they have none, and left alone. JSON has no literal for NaN, but
    // numbers may be too large for a double.
    const literal = text.replaceAll(/"[^"\\]*(?:\\.[^"\\]*)*"?|-?\bInfinity\b|\bNaN\b/gs, (word) => {
      if (word.startsWith('"')) return word
      if (word !== 'NaN') return word.replace('Infinity', '1e999')
      nans++
      return NAN_MARK
    })
    return JSON.parse(literal, (_, value) => (nans > 0 && isMark(value) ? Number.NaN : value))
  }
}

/** An object that no configuration holds stands for NaN while the text is parsed. */
const NAN_KEY = 'not a number, as Python writes it'
const NAN_MARK = JSON.stringify({ [NAN_KEY]: true })
const isMark = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.hasOwn(value, NAN_KEY)
