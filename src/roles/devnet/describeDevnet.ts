import { rename, writeFile } from 'node:fs/promises'
import type { Address } from '../../base/hex.js'
import type { NetworkProfile } from '../../protocol/networkProfile.js'
import type { NodeFault } from './nodeFaults.js'

/** A node of a devnet. */
export type DevnetNode = {
  /** From 1. */
  number: number
  address: Address
  folder: string
  fault: NodeFault | null
  pid: number
  /** What `crynux node start` needs to be this node. */
  environment: Record<string, string>
}

/** devnet.json: who is who, for scripts and tests. It names wallets' files, never a key. */
export type DevnetDescription = {
  version: 1
  pid: number
  rpcUrl: string
  chainId: number
  /** The network profile's file. */
  network: string
  contracts: NetworkProfile['contracts']
  chain: { folder: string }
  relay: { address: Address; url: string; folder: string; pid: number }
  app: { address: Address; folder: string }
  /** Owner of the contracts, who holds the rest of the supply. */
  owner: { address: Address; environment: Record<string, string> }
  nodes: readonly DevnetNode[]
}

/** Writes devnet.json: who reads it at the same time sees the old one or the new one, never a part. */
export async function describeDevnet(path: string, description: DevnetDescription): Promise<void> {
  await writeFile(`${path}.tmp`, `${JSON.stringify(description, null, 2)}\n`, { mode: 0o600 })
  await rename(`${path}.tmp`, path)
}
