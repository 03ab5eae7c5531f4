import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidInputError } from '../../src/base/errors.js'
import { formatCnx, formatGasCoin, parseCnx } from '../../src/base/units.js'

describe('amounts of CNX', () => {
  it.each([
    ['400', 400n * 10n ** 18n],
    ['0.5', 5n * 10n ** 17n],
    ['0', 0n],
    ['0.000000000000000001', 1n],
    ['8617333262', 8617333262n * 10n ** 18n],
  ])('%s', (text, wei) => {
    expect(parseCnx(text)).toBe(wei)
    expect(formatCnx(wei)).toBe(text)
  })

  it.each(['', '-1', '1e3', '0x10', '1.', '.5', '1.0000000000000000001', 'NaN', '1,000', '∞'])('refuses %j', (text) => {
    expect(() => parseCnx(text)).toThrow(InvalidInputError)
  })

  it('round-trips', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 28n }), (wei) => {
        expect(parseCnx(formatCnx(wei))).toBe(wei)
      }),
    )
  })
})

it('shows as much of the coin for gas as one wants to read', () => {
  expect(formatGasCoin(999_979_116_214_896_495_204n)).toBe("999.979116 of the chain's coin")
  expect(formatGasCoin(0n)).toBe("0 of the chain's coin")
})
