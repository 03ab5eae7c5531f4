import { RELAY_PROBLEMS, type RelayProblemCode } from '../../protocol/relayProblem.js'

/** A refusal that the client is told about. `detail` is shown: never put a secret or an address of a machine into it. */
export class RelayProblem extends Error {
  readonly code: RelayProblemCode
  readonly status: number
  readonly retryAfterSeconds: number | undefined

  constructor(code: RelayProblemCode, detail?: string, options: { retryAfterSeconds?: number } = {}) {
    super(detail ?? RELAY_PROBLEMS[code].title)
    this.name = new.target.name
    this.code = code
    this.status = RELAY_PROBLEMS[code].status
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** The RFC 9457 document of a refusal; the same bytes for the same code and detail. */
export const problemDocument = (code: RelayProblemCode, detail?: string): string => {
  const { status, title } = RELAY_PROBLEMS[code]
  return JSON.stringify({
    type: `urn:crynux:relay:${code}`,
    title,
    status,
    code,
    ...(detail === undefined || detail === title ? {} : { detail }),
  })
}
