import { encodeAbiParameters, keccak256, pad, stringToBytes, stringToHex, toHex } from 'viem'
import { type Hex, hexToBytes } from '../../base/hex.js'
import { CONTRACT_BUILDS } from './contractBuilds.js'
import type { NetworkContracts } from './plan.js'

/** The code that a contract of this network must have on its chain, byte for byte. */
export type ExpectedCode = {
  code: Uint8Array
  /** The immutable that lies at a byte of the code, if one does: its name, where it begins, and its value. */
  immutableAt(byte: number): { name: string; start: number; value: Hex } | undefined
}

/** Of the EIP-712 domains that the contracts' constructors name. */
const DOMAINS: Partial<Record<keyof NetworkContracts, string>> = { token: 'Crynux', consensus: 'Crynux' }
const DOMAIN_VERSION = '1'
const DOMAIN_TYPE = keccak256(
  stringToBytes('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'),
)

/** The build's code with every immutable filled in as the constructor does on this chain. */
export function expectedCode(
  contract: keyof NetworkContracts,
  { contracts, chainId }: { contracts: NetworkContracts; chainId: number },
): ExpectedCode {
  const { name, bytecode, runtime } = CONTRACT_BUILDS[contract]
  const code = hexToBytes(bytecode).slice(runtime.offset)
  const values: Record<string, Hex> = {
    TOKEN: pad(contracts.token),
    INCENTIVE_POOL: pad(contracts.incentivePool),
    REGISTRY: pad(contracts.registry),
    CONSENSUS: pad(contracts.consensus),
    ...domainImmutables(DOMAINS[contract] ?? '', { chainId, verifyingContract: contracts[contract] }),
  }
  const places = Object.entries(runtime.immutables).flatMap(([immutable, starts]) => {
    const value = values[immutable]
    if (value === undefined)
      throw new RangeError(`${name} has an immutable ${immutable}, whose value is not known here`)
    return starts.map((start) => ({ name: immutable, start, value }))
  })
  for (const { start, value } of places) code.set(hexToBytes(value), start)
  return { code, immutableAt: (byte) => places.find(({ start }) => start <= byte && byte < start + 32) }
}

/** What OpenZeppelin's EIP712 keeps, see https://eips.ethereum.org/EIPS/eip-712 for the separator. */
function domainImmutables(
  name: string,
  { chainId, verifyingContract }: { chainId: number; verifyingContract: Hex },
): Record<string, Hex> {
  const hashedName = keccak256(stringToBytes(name))
  const hashedVersion = keccak256(stringToBytes(DOMAIN_VERSION))
  const separator = encodeAbiParameters(
    [{ type: 'bytes32' }, { type: 'bytes32' }, { type: 'bytes32' }, { type: 'uint256' }, { type: 'address' }],
    [DOMAIN_TYPE, hashedName, hashedVersion, BigInt(chainId), verifyingContract],
  )
  return {
    _cachedDomainSeparator: keccak256(separator),
    _cachedChainId: toHex(chainId, { size: 32 }),
    _cachedThis: pad(verifyingContract),
    _hashedName: hashedName,
    _hashedVersion: hashedVersion,
    _name: shortString(name),
    _version: shortString(DOMAIN_VERSION),
  }
}

/** Up to 31 bytes of text, with their number in the last byte. */
const shortString = (text: string): Hex =>
  `${stringToHex(text, { size: 31 })}${text.length.toString(16).padStart(2, '0')}`
