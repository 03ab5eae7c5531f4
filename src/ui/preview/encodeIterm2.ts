/** A PNG file as an inline image of iTerm2 (https://iterm2.com/documentation-images.html), in so many columns. */
export function encodeIterm2(png: Uint8Array, { columns }: { columns: number }): string {
  const data = Buffer.from(png.buffer, png.byteOffset, png.byteLength).toString('base64')
  return `\u001b]1337;File=inline=1;size=${png.length};width=${columns};preserveAspectRatio=1:${data}\u0007\n`
}
