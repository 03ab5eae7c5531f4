import { parseAbi, parseSignature } from 'viem'
import type { Address, Hex } from '../base/hex.js'
import { call } from './call.js'
import type { ChainWriter } from './client.js'

const noncesAbi = parseAbi(['function nonces(address owner) view returns (uint256)'])

/** Long enough for a congested chain, short enough that a lost permit is soon worthless. */
const VALID_SECONDS = 3_600n

/** The arguments of a contract function that takes an EIP-2612 permit: deadline, v, r, s. */
export type Permit = readonly [deadline: bigint, v: number, r: Hex, s: Hex]

/** Signs that `spender` may take exactly `amountWei` of the wallet's CNX, once: no separate approval transaction is needed. */
export async function signPermit(
  chain: ChainWriter,
  { spender, amountWei }: { spender: Address; amountWei: bigint },
): Promise<Permit> {
  const { client, account, profile } = chain
  const { token } = profile.contracts
  const [nonce, block] = await call(
    Promise.all([
      client.readContract({ address: token, abi: noncesAbi, functionName: 'nonces', args: [account.address] }),
      client.getBlock(),
    ]),
  )
  const deadline = block.timestamp + VALID_SECONDS
  const signature = await account.signTypedData({
    domain: { name: 'Crynux', version: '1', chainId: profile.chainId, verifyingContract: token },
    types: {
      Permit: [
        { name: 'owner', type: 'address' },
        { name: 'spender', type: 'address' },
        { name: 'value', type: 'uint256' },
        { name: 'nonce', type: 'uint256' },
        { name: 'deadline', type: 'uint256' },
      ],
    },
    primaryType: 'Permit',
    message: { owner: account.address, spender, value: amountWei, nonce, deadline },
  })
  const { r, s, yParity } = parseSignature(signature)
  return [deadline, 27 + yParity, r, s]
}
