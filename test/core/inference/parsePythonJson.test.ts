import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePythonJson } from '../../../src/core/inference/parsePythonJson.js'

describe('JSON as Python writes it', () => {
  test('has numbers that are not finite', () => {
    const text = '{"lambda_min_clipped": -Infinity, "list": [NaN,Infinity,\n-Infinity], "name": "NaN", "plain": -1.5e3}'
    expect(parsePythonJson(text)).toEqual({
      lambda_min_clipped: Number.NEGATIVE_INFINITY,
      list: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      name: 'NaN',
      plain: -1500,
    })
    expect(parsePythonJson('NaN')).toBeNaN()
  })

  test('leaves texts with such words alone', () => {
    const value = { 'a "NaN" \\': 'x, Infinity: -Infinity', b: ['\\"', 'NaN\u2028'] }
    expect(parsePythonJson(`{"x":NaN,"y":${JSON.stringify(value)}}`)).toEqual({ x: Number.NaN, y: value })
  })

  test.each([
    '{"a": nan}',
    '{"a": +Infinity}',
    '{"a": -NaN}',
    '{"a": InfinityX}',
    '{NaN: 1}',
    '["NaN", ]',
    '{"a": Infinity',
  ])('refuses %s', (text) => {
    expect(() => parsePythonJson(text)).toThrow(SyntaxError)
  })

  test('does not take long over what is broken', () => {
    expect(() => parsePythonJson(`NaN${'\\"'.repeat(2_000_000)}`)).toThrow(SyntaxError)
  }, 1_000)

  test('is JSON otherwise', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        expect(parsePythonJson(text)).toEqual(JSON.parse(text))
        expect(parsePythonJson(`[-Infinity,${text}]`)).toEqual([Number.NEGATIVE_INFINITY, JSON.parse(text)])
      }),
    )
  })
})
