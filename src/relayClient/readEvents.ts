/** No event of a relay is longer; what is, comes from something else. */
const EVENT_LIMIT_CHARACTERS = 64 * 1_024

/**
 * Reads a stream of server-sent events (WHATWG HTML §9.2) until it ends.
 * `data` is a JSON object whose fields are passed on beside the event's type; comments and unknown fields are skipped.
 */
export async function readEvents(
  response: Response,
  onEvent: (event: { type: string } & Record<string, unknown>) => void,
): Promise<void> {
  const decoder = new TextDecoder()
  let pending = ''
  for await (const piece of response.body ?? []) {
    pending += decoder.decode(piece, { stream: true })
    if (pending.length > EVENT_LIMIT_CHARACTERS) throw new Error('an event is too long')
    for (let end = pending.indexOf('\n\n'); end !== -1; end = pending.indexOf('\n\n')) {
      const event = parseEvent(pending.slice(0, end))
      pending = pending.slice(end + 2)
      if (event) onEvent(event)
    }
  }
}

function parseEvent(block: string): ({ type: string } & Record<string, unknown>) | null {
  const fields = new Map<string, string>()
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ''))
  }
  const type = fields.get('event')
  if (type === undefined) return null
  const data: unknown = JSON.parse(fields.get('data') ?? '{}')
  return { ...(typeof data === 'object' && data !== null ? data : {}), type }
}
