import { createHash, randomBytes } from 'node:crypto'
import { recoverMessageAddress } from 'viem/utils'
import type { Clock } from '../../base/clock.js'
import type { Address, Hex } from '../../base/hex.js'
import { parseSignInMessage } from '../../protocol/signIn.js'
import type { RelayDatabase } from '../../store/relayDatabase/relayDatabase.js'
import { RelayProblem } from './problem.js'
import { sameAddress } from './rights.js'

const NONCE_LIFETIME_MS = 5 * 60_000
const SESSION_LIFETIME_MS = 10 * 60_000
const CLOCK_TOLERANCE_MS = 5 * 60_000
const MAXIMUM_MESSAGE_LIFETIME_MS = 60 * 60_000

/** Half the order of secp256k1: the twin of a signature with the larger s is refused (EIP-2). */
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n

export type SignIn = {
  issueNonce(): Promise<{ nonce: string; expiresAt: number }>
  /** @throws RelayProblem `sign-in-failed`, saying which field is wrong. */
  openSession(request: { message: string; signature: string }): Promise<{
    token: string
    address: Address
    expiresAt: number
  }>
  /** @throws RelayProblem `not-signed-in`. */
  authenticate(authorization: string | undefined): Promise<{ address: Address; expiresAt: number }>
  closeSession(authorization: string | undefined): Promise<void>
}

/**
 * EIP-4361 sign-in: a message for this relay, this chain, this time, with a nonce that works once, becomes a random token for
 * ten minutes. Only the token's hash is kept.
 */
export function createSignIn({
  database,
  clock,
  chainId,
  publicUrl,
}: {
  database: RelayDatabase
  clock: Clock
  chainId: number
  publicUrl: () => string
}): SignIn {
  return {
    issueNonce: async () => {
      const now = clock.now()
      await database.removeExpired(now)
      const nonce = randomBytes(16).toString('hex')
      const expiresAt = now + NONCE_LIFETIME_MS
      await database.addNonce(nonce, expiresAt)
      return { nonce, expiresAt }
    },

    openSession: async ({ message, signature }) => {
      const now = clock.now()
      const fields = parseSignInMessage(message)
      if (!fields) throw refused('the message is not an EIP-4361 message with an expiration time')
      // Taken before anything is checked: whoever holds a nonce has one attempt.
      if (!(await database.takeNonce(fields.nonce, now))) throw refused('the nonce is unknown, used or expired')
      const { host, origin } = new URL(publicUrl())
      if (fields.domain !== host) throw refused('the domain is not that of this relay')
      if (fields.uri !== origin) throw refused('the URI is not that of this relay')
      if (fields.chainId !== chainId) throw refused('the chain id is another one')
      const issuedAt = Date.parse(fields.issuedAt)
      const expiresAt = Date.parse(fields.expirationTime)
      const notBefore = fields.notBefore === undefined ? issuedAt : Date.parse(fields.notBefore)
      if (Number.isNaN(issuedAt) || Number.isNaN(expiresAt) || Number.isNaN(notBefore)) {
        throw refused('a time is no date')
      }
      if (Math.abs(issuedAt - now) > CLOCK_TOLERANCE_MS) throw refused('it was not issued just now')
      if (expiresAt <= now) throw refused('it has expired')
      if (expiresAt - issuedAt > MAXIMUM_MESSAGE_LIFETIME_MS) throw refused('it lasts longer than an hour')
      if (notBefore > now + CLOCK_TOLERANCE_MS) throw refused('it is not valid yet')
      if (!isCanonicalSignature(signature)) throw refused('the signature is not 65 bytes with a low s')
      if (!sameAddress(await recover(message, signature), fields.address)) {
        throw refused('the signature is not by this address')
      }
      const token = randomBytes(32).toString('base64url')
      const session = {
        address: fields.address.toLowerCase() as Address,
        expiresAt: now + SESSION_LIFETIME_MS,
      }
      await database.addSession({ tokenHash: hashOf(token), ...session })
      return { token, ...session }
    },

    authenticate: async (authorization) => {
      const token = tokenOf(authorization)
      const session = token === null ? null : await database.findSession(hashOf(token), clock.now())
      if (!session) throw new RelayProblem('not-signed-in')
      return session
    },

    closeSession: async (authorization) => {
      const token = tokenOf(authorization)
      if (token !== null) await database.removeSession(hashOf(token))
    },
  }
}

/** 65 bytes: r, s in the lower half of the order, v 27 or 28. */
function isCanonicalSignature(signature: string): signature is Hex {
  if (!/^0x[0-9a-f]{130}$/i.test(signature)) return false
  const s = BigInt(`0x${signature.slice(66, 130)}`)
  return s > 0n && s <= HALF_ORDER && /^(1b|1c)$/i.test(signature.slice(130))
}

async function recover(message: string, signature: Hex): Promise<Address | null> {
  try {
    return await recoverMessageAddress({ message, signature })
  } catch {
    return null
  }
}

const tokenOf = (authorization: string | undefined): string | null =>
  /^Bearer ([A-Za-z0-9_-]{43})$/.exec(authorization ?? '')?.[1] ?? null

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

const refused = (detail: string) => new RelayProblem('sign-in-failed', detail)
