import { InvalidInputError } from '../../base/errors.js'

/**
 * Checks the public URL of a relay: an http(s) origin.
 *
 * @returns it without a slash at the end
 * @throws InvalidInputError
 */
export function parseRelayUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (
    url &&
    ['http:', 'https:'].includes(url.protocol) &&
    url.pathname === '/' &&
    !url.search &&
    !url.hash &&
    !url.username &&
    !url.password
  ) {
    return url.origin
  }
  throw new InvalidInputError(`'${text}' is no public address of a relay`, {
    remedy: 'Write an origin without a path, e.g. https://relay.example.',
  })
}
