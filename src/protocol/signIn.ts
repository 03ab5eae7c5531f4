import type { Address } from '../base/hex.js'

/** The fields of an EIP-4361 message that this network uses; times as RFC 3339 text. */
export type SignInFields = {
  /** Host and port of the relay that the signer means, e.g. `relay.example:8443`. */
  domain: string
  /** EIP-55 or lower case. */
  address: Address
  /** Origin of that relay. */
  uri: string
  chainId: number
  /** Issued by the relay, good for one sign-in. */
  nonce: string
  issuedAt: string
  expirationTime: string
}

export type ParsedSignIn = SignInFields & { notBefore?: string }

const STATEMENT = 'Sign in to a Crynux relay. This costs nothing and moves nothing.'

/** The text to sign (EIP-4361, signed as EIP-191 personal message). */
export const signInMessage = (fields: SignInFields): string =>
  [
    `${fields.domain} wants you to sign in with your Ethereum account:`,
    fields.address,
    '',
    STATEMENT,
    '',
    `URI: ${fields.uri}`,
    'Version: 1',
    `Chain ID: ${fields.chainId}`,
    `Nonce: ${fields.nonce}`,
    `Issued At: ${fields.issuedAt}`,
    `Expiration Time: ${fields.expirationTime}`,
  ].join('\n')

const TIME = String.raw`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})`

/** The grammar of EIP-4361, anchored at both ends, with the expiry required. */
const GRAMMAR = new RegExp(
  [
    String.raw`^(?<domain>[^\s/?#]{1,255}) wants you to sign in with your Ethereum account:`,
    '(?<address>0x[0-9a-fA-F]{40})',
    '(?:\n[^\n]{1,500})?\n', // the optional statement, between empty lines
    String.raw`URI: (?<uri>\S{1,500})`,
    'Version: 1',
    String.raw`Chain ID: (?<chainId>\d{1,15})`,
    'Nonce: (?<nonce>[a-zA-Z0-9]{8,100})',
    `Issued At: (?<issuedAt>${TIME})`,
    `Expiration Time: (?<expirationTime>${TIME})(?:\nNot Before: (?<notBefore>${TIME}))?(?:\nRequest ID: [^\n]{0,200})?(?:\nResources:(?:\n- [^\n]{1,500}){0,10})?$`,
  ].join('\n'),
)

/**
 * Reads an EIP-4361 message of any wallet, whatever its statement says.
 *
 * The pattern is anchored, so that no line of a statement can pass for a field; `null` for anything else.
 */
export function parseSignInMessage(message: string): ParsedSignIn | null {
  if (message.length > 4_000) return null
  const groups = GRAMMAR.exec(message)?.groups
  if (!groups) return null
  const { domain, address, uri, chainId, nonce, issuedAt, expirationTime, notBefore } = groups
  if (!domain || !address || !uri || !chainId || !nonce || !issuedAt || !expirationTime) return null
  return {
    domain,
    address: address as Address,
    uri,
    chainId: Number(chainId),
    nonce,
    issuedAt,
    expirationTime,
    ...(notBefore === undefined ? {} : { notBefore }),
  }
}
