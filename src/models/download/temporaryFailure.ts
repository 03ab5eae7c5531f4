/** Why one attempt failed, as the end of a sentence that begins with the server's name. Trying again may help. */
export class TemporaryFailure extends Error {
  /** How long the server asks to wait, ms. */
  readonly retryAfterMs: number | undefined

  constructor(reason: string, { retryAfterMs }: { retryAfterMs?: number | undefined } = {}) {
    super(reason)
    this.name = new.target.name
    this.retryAfterMs = retryAfterMs
  }
}

/** The failure that a status stands for, or undefined where another attempt would have the same answer. */
export function temporaryStatus(
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  nowMs: number,
): TemporaryFailure | undefined {
  if (status !== 408 && status !== 425 && status !== 429 && status < 500) return undefined
  const value = String(headers['retry-after'] ?? '')
  const retryAfterMs = /^\d{1,6}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs
  return new TemporaryFailure(`answers with status ${status}`, {
    retryAfterMs: retryAfterMs > 0 ? retryAfterMs : undefined,
  })
}
