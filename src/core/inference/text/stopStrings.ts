import type { TextTokenizer } from './textTokenizer.js'

/** Whether the last token of an answer completes one of the stop strings, which may begin in the prompt. */
export type StopCheck = (tokens: readonly number[]) => boolean

/** What a decoder writes for bytes that are no character (yet). */
const BROKEN = '\ufffd'

/**
 * Looks for stop strings in the text, whatever tokens they are made of: a string may begin inside one token and end inside another.
 * As in the original, the last token must be part of it, it may go on after it, and special tokens count by their names.
 *
 * A stop string with U+FFFD never matches a byte that is merely incomplete.
 */
export function createStopCheck(
  tokenizer: Pick<TextTokenizer, 'decode'>,
  stopStrings: readonly string[],
  prompt: readonly number[],
): StopCheck {
  if (stopStrings.length === 0) return () => false
  // Every token but a special one stands for at least one byte; a few more for a decoder that looks at the tokens before.
  const window = Math.max(...stopStrings.map((text) => Buffer.byteLength(text))) + 8
  return (tokens) => {
    const missing = window - tokens.length
    const recent = missing > 0 ? [...prompt.slice(-missing), ...tokens] : tokens.slice(-window)
    const text = tokenizer.decode(recent, { special: true })
    const before = tokenizer.decode(recent.slice(0, -1), { special: true }).replace(/\ufffd+$/u, '')
    return stopStrings.some((stop) => {
      if (stop.includes(BROKEN)) return false
      const at = text.lastIndexOf(stop)
      return at >= 0 && at + stop.length > before.length
    })
  }
}
