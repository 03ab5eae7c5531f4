/**
 * Prepares a prompt for the CLIP tokenizer as the original does when its optional text-fixing library is absent:
 * control characters go, every kind of white space becomes one space, CJK characters stand alone, NFC, lower case.
 *
 * Source of the rules: BERT's basic tokenizer without accent stripping and punctuation splitting, which CLIP's slow tokenizer falls back to.
 */
export function cleanText(text: string): string {
  let cleaned = ''
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    if (/[\t\n\r]|\p{Zs}/u.test(character)) cleaned += ' '
    else if (code === 0xfffd || /\p{C}/u.test(character)) continue
    else cleaned += isCjk(code) ? ` ${character} ` : character
  }
  return cleaned.normalize('NFC').split(/\s+/u).filter(Boolean).join(' ').toLowerCase()
}

/** The blocks of Chinese characters; Hangul, Hiragana and Katakana are written with spaces or handled as letters. */
const CJK_BLOCKS: readonly (readonly [number, number])[] = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b820, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
]

const isCjk = (code: number): boolean => CJK_BLOCKS.some(([first, last]) => code >= first && code <= last)
