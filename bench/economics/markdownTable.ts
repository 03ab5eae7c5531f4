/** A Markdown table; everything but the first column is set to the right. */
export function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = titles.map((_, index) => (index === 0 ? '---' : '---:'))
  return [line(titles), `|${rule.join('|')}|`, ...rows.map(line)].join('\n')
}
