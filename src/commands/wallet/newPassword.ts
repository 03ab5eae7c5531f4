import { InvalidInputError } from '../../base/errors.js'
import { type Context, readPassword } from '../../context.js'

/**
 * The password for a new keystore: from the password file, or typed twice.
 *
 * @throws InvalidInputError when it is empty or the two differ
 */
export async function newPassword(context: Context): Promise<string> {
  const file = context.setting('passwordFile')
  const password = await readPassword(file)
  if (password === '') {
    throw new InvalidInputError('the password is empty', {
      remedy: 'Choose one: without it, whoever copies the keystore has the wallet.',
    })
  }
  if (file) return password
  context.output.note('Once more, so that a slip of the finger does not lock the wallet for ever.')
  if ((await readPassword(undefined)) !== password) {
    throw new InvalidInputError('the two passwords differ', { remedy: 'Try again.' })
  }
  return password
}

/** For throw-away wallets of tests: guessing costs little, and so does every start of a program. */
export const LIGHT_SCRYPT_N = 4_096
