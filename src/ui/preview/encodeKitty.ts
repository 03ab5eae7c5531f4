/** Longest piece of one command. */
const PIECE = 4096

/**
 * A PNG file as a command of the kitty graphics protocol (https://sw.kovidgoyal.net/kitty/graphics-protocol/): sent and shown at
 * once, in so many columns; the terminal is told not to answer.
 */
export function encodeKitty(png: Uint8Array, { columns }: { columns: number }): string {
  const data = Buffer.from(png.buffer, png.byteOffset, png.byteLength).toString('base64')
  const pieces = data.match(new RegExp(`.{1,${PIECE}}`, 'g')) ?? ['']
  return `${pieces
    .map((piece, index) => {
      const first = index === 0 ? `a=T,f=100,q=2,c=${columns},` : ''
      return `\u001b_G${first}m=${index < pieces.length - 1 ? 1 : 0};${piece}\u001b\\`
    })
    .join('')}\n`
}
