import { InvalidInputError } from './errors.js'

const WEI_PER_CNX = 10n ** 18n

/**
 * Parses an amount of CNX as people write it (`400`, `0.5`) into wei.
 *
 * @throws InvalidInputError for anything that is not a non-negative decimal with at most 18 places.
 */
export function parseCnx(text: string): bigint {
  const match = /^(\d{1,30})(?:\.(\d{1,18}))?$/.exec(text.trim())
  if (!match) {
    throw new InvalidInputError(`'${text}' is not an amount of CNX`, {
      remedy: 'Write a decimal number such as 400 or 0.5, with at most 18 decimal places.',
    })
  }
  return BigInt(match[1] ?? '0') * WEI_PER_CNX + BigInt((match[2] ?? '').padEnd(18, '0'))
}

/** Wei → CNX without trailing zeros, e.g. `400`, `0.333333333333333333`. */
export function formatCnx(wei: bigint): string {
  const sign = wei < 0n ? '-' : ''
  const absolute = wei < 0n ? -wei : wei
  const fraction = (absolute % WEI_PER_CNX).toString().padStart(18, '0').replace(/0+$/, '')
  return `${sign}${absolute / WEI_PER_CNX}${fraction ? `.${fraction}` : ''}`
}

/** Wei of the coin that pays for gas → that coin, cut to six decimal places: enough to see whether it will do. */
export const formatGasCoin = (wei: bigint): string => `${formatCnx(wei - (wei % 10n ** 12n))} of the chain's coin`
