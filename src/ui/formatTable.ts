export type Column<Row> = {
  title: string
  value(row: Row): string
  /** Numbers read better at the right. */
  align?: 'right'
}

/** Rows as aligned text: titles in capitals, two spaces between columns, no trailing blanks. */
export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const lines = [
    columns.map(({ title }) => title.toUpperCase()),
    ...rows.map((row) => columns.map(({ value }) => value(row))),
  ]
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((cell, index) =>
          columns[index]?.align === 'right' ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Names and values, one pair a line, the values below each other. Pairs without a value are left out. */
export function formatPairs(pairs: readonly (readonly [name: string, value: string | null])[]): string {
  const shown = pairs.filter(([, value]) => value !== null)
  const width = Math.max(...shown.map(([name]) => name.length))
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd()).join('\n')
}
