import { InvalidInputError } from '../../base/errors.js'
import { parseCnx } from '../../base/units.js'
import { parseDuration } from './duration.js'
import { parsePercent } from './percent.js'

/**
 * Parses the value of a parameter as people write it in its unit: `400` (CNX), `90s` or `90` (seconds), `2%` or `200`
 * (hundredths of a percent), `5` (bits).
 *
 * @throws InvalidInputError
 */
export function parseParameterValue(text: string, unit: string): number | bigint {
  if (unit === 'wei') return parseCnx(text)
  if (/^\d{1,9}$/.test(text)) return Number(text)
  if (unit === 'basisPoints') return parsePercent(text)
  if (unit === 'seconds') {
    const milliseconds = parseDuration(text)
    if (milliseconds % 1_000 === 0) return milliseconds / 1_000
    throw new InvalidInputError(`'${text}' is no whole number of seconds`, {
      remedy: 'Write whole seconds, such as 90s.',
    })
  }
  throw new InvalidInputError(`'${text}' is not a whole number`, { remedy: 'Write digits only.' })
}
