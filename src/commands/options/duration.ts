import { InvalidInputError } from '../../base/errors.js'

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const

/**
 * Parses `500ms`, `20s`, `5m`, `2h`, or `0`, into milliseconds.
 *
 * @throws InvalidInputError for anything else.
 */
export function parseDuration(text: string): number {
  if (text === '0') return 0
  const match = /^(\d{1,9})(ms|s|m|h)$/.exec(text)
  const unit = match?.[2] as keyof typeof UNIT_MS | undefined
  if (!match || !unit) {
    throw new InvalidInputError(`'${text}' is not a duration`, {
      remedy: 'Write a number and a unit, such as 20s or 5m.',
    })
  }
  return Number(match[1]) * UNIT_MS[unit]
}
