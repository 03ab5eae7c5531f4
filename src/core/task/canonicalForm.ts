import { createRequire } from 'node:module'
import { InvalidInputError } from '../../base/errors.js'

// The package is CommonJS whose types claim a default export, so it is required rather than imported.
const canonicalize = createRequire(import.meta.url)('canonicalize') as (value: unknown) => string | undefined

/**
 * The UTF-8 bytes of a JSON value in the JSON Canonicalization Scheme (RFC 8785): sorted keys, no white space, ECMAScript numbers.
 *
 * Everybody who hashes task arguments or a text result hashes these bytes.
 *
 * @throws InvalidInputError for what JSON cannot say: NaN, infinities, a top-level undefined.
 */
export function canonicalBytes(value: unknown): Uint8Array {
  let text: string | undefined
  try {
    text = canonicalize(value)
  } catch (cause) {
    throw notJson(cause)
  }
  if (text === undefined) throw notJson()
  return new TextEncoder().encode(text)
}

const notJson = (cause?: unknown) =>
  new InvalidInputError('the value cannot be written as JSON', {
    remedy: 'Use finite numbers, strings, booleans, null, arrays and objects only.',
    cause,
  })
