type Screen = { isTTY?: boolean | undefined; columns?: number | undefined }

/**
 * Whether lines may be drawn again in place, and in colour: on a terminal, unless `NO_COLOR`, `CI` or `TERM=dumb` say otherwise.
 *
 * A terminal of unknown width, as `docker run -t` and `script` make them, cannot be drawn on.
 */
export const canDraw = (
  { isTTY, columns = 0 }: Screen,
  { NO_COLOR, CI, TERM }: Readonly<Record<string, string | undefined>>,
): boolean => isTTY === true && columns > 0 && !NO_COLOR && !CI && TERM !== 'dumb'
