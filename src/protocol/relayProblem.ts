/**
 * Everything that a relay refuses (RFC 9457): stable code → HTTP status, title.
 *
 * Strangers get `not-found` for tasks that exist, so that a code never tells who owns what.
 */
export const RELAY_PROBLEMS = {
  'bad-request': { status: 400, title: 'The request has a wrong form' },
  'not-signed-in': { status: 401, title: 'A valid session is needed' },
  'sign-in-failed': { status: 401, title: 'The sign-in message or its signature is not accepted' },
  'not-found': { status: 404, title: 'There is nothing here for you' },
  'not-ready': { status: 404, title: 'It has not arrived yet' },
  'request-timeout': { status: 408, title: 'The request arrived too slowly' },
  'wrong-state': { status: 409, title: "The task's state does not allow this" },
  'arguments-exist': { status: 409, title: 'Other arguments are stored for this task' },
  'results-sealed': { status: 409, title: 'The results are sealed and cannot change' },
  'results-incomplete': { status: 409, title: 'Not every result file has arrived' },
  'upload-under-way': { status: 409, title: 'The uploader is still bringing the results' },
  'length-required': { status: 411, title: 'The length of the body must be declared' },
  'too-large': { status: 413, title: 'The body is too large' },
  'wrong-media-type': { status: 415, title: 'The body must be application/octet-stream or application/json' },
  'bad-range': { status: 416, title: 'The file does not have this range' },
  'not-the-tasks-key': { status: 422, title: "This is not the task's own key" },
  'rate-limited': { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'The relay failed' },
  'chain-unavailable': { status: 503, title: 'The relay cannot read the chain now' },
  busy: { status: 503, title: 'The relay is busy' },
  'no-space': { status: 507, title: 'The relay has no space left' },
} as const satisfies Record<string, { status: number; title: string }>

export type RelayProblemCode = keyof typeof RELAY_PROBLEMS
