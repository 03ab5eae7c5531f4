import { strip } from './template/methods.js'
import type { TextTokenizer } from './textTokenizer.js'

/** The text of an answer as the original gives it: without special tokens, and without white space around it. */
export const answerText = (tokenizer: Pick<TextTokenizer, 'decode'>, tokens: readonly number[]): string =>
  strip(tokenizer.decode(tokens, { special: false }))

/** The text that a growing answer gains; what is shown is never taken back. */
export type TextStream = {
  /** @param tokens the whole answer so far. */
  push(tokens: readonly number[]): string
  /** What is left when the answer is complete: characters that never became whole, or everything if nothing was pushed. */
  end(tokens: readonly number[]): string
}

/**
 * Follows the text of an answer while its tokens come. Characters whose bytes are not complete, and white space that may turn out to
 * be the end, wait for the next token.
 */
export function createTextStream(tokenizer: Pick<TextTokenizer, 'decode'>): TextStream {
  let settled = 0
  let read = 0
  let waiting = ''
  let all = ''
  const decode = (tokens: readonly number[]) => tokenizer.decode(tokens, { special: false })
  return {
    push(tokens) {
      // Tokens before the new ones are decoded with them: some decoders look at the token before.
      const known = decode(tokens.slice(settled, read))
      const text = decode(tokens.slice(settled))
      if (text.length <= known.length || text.endsWith('\ufffd')) return ''
      settled = read
      read = tokens.length
      const gained = waiting + text.slice(known.length)
      const shown = strip(gained, all === '' ? 'both' : 'right')
      if (shown !== '') waiting = gained.slice(gained.lastIndexOf(shown) + shown.length)
      else waiting = all === '' ? '' : gained
      all += shown
      return shown
    },
    end(tokens) {
      const whole = answerText(tokenizer, tokens)
      return whole.startsWith(all) ? whole.slice(all.length) : ''
    },
  }
}
