import { lookup } from 'node:dns/promises'
import { isPublicAddress } from './publicAddress.js'

/** Where models may come from. Passed in, so that tests can serve from this machine; no setting or variable changes it. */
export type NetworkRules = {
  /** All addresses of a host name. */
  resolve(hostname: string): Promise<string[]>
  /** Whether a connection to this address may be made. */
  allowsAddress(address: string): boolean
  /** Protocols of URLs and of what they redirect to, e.g. `https:`. */
  protocols: readonly string[]
}

/** The rules outside of tests: https to public addresses. */
export const publicInternet: NetworkRules = {
  resolve: async (hostname) => (await lookup(hostname, { all: true })).map(({ address }) => address),
  allowsAddress: isPublicAddress,
  protocols: ['https:'],
}
