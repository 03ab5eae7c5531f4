/** Widest preview, in characters: the picture itself is in the file. */
const MAXIMUM_COLUMNS = 64

/**
 * The size of a preview in half blocks, of which two stand above each other in one character: nearly squares.
 *
 * @returns width in characters, height in half blocks (even), both at least one character
 */
export function previewSize(
  picture: { width: number; height: number },
  screen: { columns: number; rows: number },
): { width: number; height: number } {
  // The command and what it prints below should still be seen.
  const rows = Math.max(screen.rows - 8, 4)
  const columns = Math.max(Math.min(screen.columns - 1, MAXIMUM_COLUMNS), 1)
  const scale = Math.min(columns / picture.width, (2 * rows) / picture.height)
  const width = Math.min(columns, Math.max(1, Math.round(picture.width * scale)))
  const lines = Math.min(rows, Math.max(1, Math.round((picture.height * scale) / 2)))
  return { width, height: 2 * lines }
}
