import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { solveLinear } from '../../../../src/core/inference/schedulers/solveLinear.js'

describe('small linear systems', () => {
  test('are solved, also where the diagonal is 0', () => {
    expect(
      solveLinear(
        [
          [0, 2],
          [4, 1],
        ],
        [6, 11],
      ),
    ).toEqual([2, 3])
    expect(solveLinear([[2]], [5])).toEqual([2.5])
  })

  test('of places like those of a solver: the solution fulfils them', () => {
    const place = fc.double({ min: -3, max: -0.5, noNaN: true })
    fc.assert(
      fc.property(
        place,
        place,
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 }),
        (a, gap, right) => {
          const places = [a, a + gap, 1]
          const rows = [0, 1, 2].map((power) => places.map((value) => Math.fround(value ** power)))
          const solution = solveLinear(rows, right)
          for (const [index, row] of rows.entries()) {
            const terms = row.map((value, column) => value * (solution[column] as number))
            const size = terms.reduce((sum, term) => sum + Math.abs(term), 1)
            expect(Math.abs(terms.reduce((sum, term) => sum + term, 0) - (right[index] as number))).toBeLessThan(
              1e-5 * size,
            )
          }
        },
      ),
      { seed: 7 },
    )
  })

  test('that are singular have no finite solution', () => {
    expect(
      solveLinear(
        [
          [1, 1],
          [1, 1],
        ],
        [1, 2],
      ).every(Number.isFinite),
    ).toBe(false)
  })
})
