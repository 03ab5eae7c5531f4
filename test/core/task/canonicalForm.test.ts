import { expect, test } from 'vitest'
import { canonicalBytes } from '../../../src/core/task/canonicalForm.js'

const canonical = (value: unknown) => Buffer.from(canonicalBytes(value)).toString('utf8')

test('RFC 8785: keys sorted by UTF-16, ECMAScript numbers, least escaping', () => {
  expect(
    canonical({
      numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 1e-27],
      string: '€$\u000f\nA\'B"\\"/',
      literals: [null, true, false],
    }),
  ).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\"/"}',
  )
  expect(canonical({ '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 })).toBe(
    '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}',
  )
})

test('what is not JSON is refused', () => {
  for (const value of [undefined, Number.NaN, { a: Number.POSITIVE_INFINITY }, { a: 1n }]) {
    expect(() => canonicalBytes(value)).toThrow('the value cannot be written as JSON')
  }
})
