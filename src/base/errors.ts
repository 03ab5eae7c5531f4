/** Process exit statuses, as listed in docs/cli.md. */
export const EXIT = {
  done: 0,
  internal: 1,
  usage: 2,
  configuration: 3,
  insufficientFunds: 4,
  chain: 5,
  relay: 6,
  noNodes: 7,
  aborted: 8,
  slashed: 9,
  timedOut: 10,
  verificationFailed: 11,
  modelUnavailable: 12,
  temporary: 75,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export type CrynuxErrorOptions = {
  /** What the user can do about it, one sentence. */
  remedy: string
  /** Facts for machines; never secrets or prompts. */
  details?: Record<string, string | number | boolean | null>
  cause?: unknown
}

/**
 * An error that a user may see: one line that says what is wrong with the value, and a remedy.
 *
 * Subclasses fix `code` (stable, `CRYNUX_…`) and `exitCode`; they are declared at the bottom of the module that throws them.
 */
export abstract class CrynuxError extends Error {
  abstract readonly code: `CRYNUX_${string}`
  abstract readonly exitCode: ExitCode
  readonly remedy: string
  readonly details: Record<string, string | number | boolean | null>

  constructor(message: string, { remedy, details = {}, cause }: CrynuxErrorOptions) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.remedy = remedy
    this.details = details
  }
}

/** Bad usage or bad input from the user: exit status 2. */
export class InvalidInputError extends CrynuxError {
  override readonly code = 'CRYNUX_INVALID_INPUT'
  override readonly exitCode = EXIT.usage
}
