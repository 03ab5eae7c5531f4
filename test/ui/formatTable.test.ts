import { describe, expect, it } from 'vitest'
import { formatPairs, formatTable } from '../../src/ui/formatTable.js'

describe('tables', () => {
  it('align columns, numbers at the right, and leave no blanks at the end', () => {
    const rows = [
      { name: 'a', count: 5 },
      { name: 'longer', count: 1234 },
    ]
    const text = formatTable(rows, [
      { title: 'count', value: ({ count }) => String(count), align: 'right' },
      { title: 'name', value: ({ name }) => name },
    ])
    expect(text).toBe('COUNT  NAME\n    5  a\n 1234  longer')
  })

  it('leave out pairs without a value', () => {
    expect(
      formatPairs([
        ['state', 'queued'],
        ['uploader', null],
        ['fee', '3 CNX'],
      ]),
    ).toBe('state  queued\nfee    3 CNX')
  })
})
