/** Reads a whole body of at most `limitBytes`; `null`, with the connection dropped, when it is or says to be longer. */
export async function readBody(response: Response, limitBytes: number): Promise<Uint8Array | null> {
  const declaredBytes = Number(response.headers.get('content-length') ?? 0)
  if (declaredBytes > limitBytes) {
    await response.body?.cancel()
    return null
  }
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for await (const piece of response.body ?? []) {
    sizeBytes += piece.length
    // Leaving the loop cancels the stream.
    if (sizeBytes > limitBytes) return null
    pieces.push(piece)
  }
  return new Uint8Array(Buffer.concat(pieces))
}
