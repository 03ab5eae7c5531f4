import { CrynuxError, EXIT } from '../base/errors.js'

/** Where a command's data and remarks go: data on stdout, everything else on stderr. */
export type Output = {
  /** True when the caller asked for JSON: then stdout carries exactly one document and nothing else. */
  readonly json: boolean
  /** True when a person reads stdout as it comes: a terminal, and no JSON. */
  readonly interactive: boolean
  /** Prints the command's one result: `{schema, data}` as JSON, or `format(data)` for people. */
  result<T>(schema: string, data: T, format: (data: T) => string): void
  /** One line for people on stderr; left out with --json. */
  note(line: string): void
  /** A part of the result that is shown before the rest is there; left out with --json. */
  piece(text: string): void
}

type TextStream = { write(text: string): unknown; isTTY?: boolean }

/** Creates the output of one command. */
export function createOutput({
  json,
  stdout,
  stderr,
}: {
  json: boolean
  stdout: TextStream
  stderr: TextStream
}): Output {
  return {
    json,
    interactive: stdout.isTTY === true && !json,
    result: (schema, data, format) => {
      const text = json ? JSON.stringify({ schema, data }, jsonValue) : format(data)
      if (text !== '') stdout.write(text.endsWith('\n') ? text : `${text}\n`)
    },
    note: (line) => {
      if (!json) stderr.write(`${line}\n`)
    },
    piece: (text) => {
      if (!json) stdout.write(text)
    },
  }
}

/** The error as the user sees it: `error: …` and a remedy, or one JSON document. Never a stack trace. */
export function formatError(error: unknown, { json }: { json: boolean }): string {
  const { code, message, remedy, details } = describe(error)
  if (json) return `${JSON.stringify({ schema: 'crynux.error/v1', error: { code, message, remedy, details } })}\n`
  return `error: ${message}\n${remedy ? `  ${remedy}\n` : ''}`
}

/** The exit status for an error. */
export const exitCodeOf = (error: unknown): number => (error instanceof CrynuxError ? error.exitCode : EXIT.internal)

function describe(error: unknown) {
  if (error instanceof CrynuxError) {
    return { code: error.code, message: oneLine(error.message), remedy: error.remedy, details: error.details }
  }
  return {
    code: 'CRYNUX_INTERNAL',
    message: `unexpected failure: ${oneLine(error instanceof Error ? error.message : String(error))}`,
    remedy: 'This is a bug in crynux; run again with --log-level debug and report what you see.',
    details: {},
  }
}

const oneLine = (text: string): string => text.split('\n', 1)[0] ?? ''

/** bigint (wei) has no JSON form: a decimal string loses nothing. */
const jsonValue = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)
