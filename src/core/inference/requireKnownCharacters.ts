import { ModelInputError } from './modelInputError.js'

/**
 * Refuses characters that this machine's Unicode does not know yet. Cutting a text into tokens asks what a character is, and a version of
 * Node that knows it cuts otherwise: who is older must say that it cannot, not give another result, for which it would be slashed.
 *
 * Characters that are known keep what tokenizers ask for, by Unicode's stability policies.
 *
 * @throws ModelInputError
 */
export function requireKnownCharacters(field: string, text: string): void {
  if (!/\p{Cn}/u.test(text)) return
  throw new ModelInputError(
    field,
    `has a character that is not in Unicode ${process.versions.unicode}, which is what this machine knows`,
    'Leave it out, or use a newer version of Node.js.',
  )
}
