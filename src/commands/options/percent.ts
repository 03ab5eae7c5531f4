import { InvalidInputError } from '../../base/errors.js'

/**
 * Parses `2%` or `2.5%` into hundredths of a percent.
 *
 * @throws InvalidInputError for anything else.
 */
export function parsePercent(text: string): number {
  const match = /^(\d{1,3})(?:\.(\d{1,2}))?\s?%$/.exec(text)
  if (!match) {
    throw new InvalidInputError(`'${text}' is not a percentage`, {
      remedy: 'Write a number with at most two decimal places and a percent sign, such as 2% or 2.5%.',
    })
  }
  return Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'))
}
