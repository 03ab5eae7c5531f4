import { divide, multiply, subtract } from './float32.js'

/**
 * The solution of a small square system, by elimination with the largest pivot of each column, in float32.
 *
 * @param rows of the matrix; not changed
 * @param right the right-hand side
 * @returns values that are not finite where the matrix is singular
 */
export function solveLinear(rows: readonly (readonly number[])[], right: readonly number[]): number[] {
  const work = rows.map((row, index) => [...row, right[index] as number])
  const at = (row: number, column: number) => work[row]?.[column] as number
  const size = work.length
  for (let column = 0; column < size; column++) {
    let pivot = column
    for (let row = column + 1; row < size; row++) {
      if (Math.abs(at(row, column)) > Math.abs(at(pivot, column))) pivot = row
    }
    ;[work[column], work[pivot]] = [work[pivot] as number[], work[column] as number[]]
    for (let row = column + 1; row < size; row++) {
      const factor = divide(at(row, column), at(column, column))
      work[row] = (work[row] as number[]).map((value, index) => subtract(value, multiply(factor, at(column, index))))
    }
  }
  const solution = new Array<number>(size).fill(0)
  for (let row = size - 1; row >= 0; row--) {
    let rest = at(row, size)
    for (let column = row + 1; column < size; column++) {
      rest = subtract(rest, multiply(at(row, column), solution[column] as number))
    }
    solution[row] = divide(rest, at(row, row))
  }
  return solution
}
