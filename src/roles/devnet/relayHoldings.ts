import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hex } from '../../base/hex.js'
import { type RelayClient, RelayRefusedError } from '../../relayClient/client.js'

/** What a devnet's relay still has. */
export type RelayHoldings = {
  /** Files in its blob folder, of any task. */
  blobs: number
  /** Whether it still gives the task's creator a result. */
  holdsResult: boolean
}

/** Looks into the relay's blob folder, and asks the relay as the task's creator. */
export async function readRelayHoldings(
  { relayFolder, relay, signal }: { relayFolder: string; relay: RelayClient; signal: AbortSignal },
  { taskId }: { taskId: Hex },
): Promise<RelayHoldings> {
  const [files, results] = await Promise.all([
    readdir(join(relayFolder, 'blobs'), { recursive: true, withFileTypes: true }),
    relay.listResults(taskId, { signal }).catch((error: unknown) => {
      if (error instanceof RelayRefusedError) return []
      throw error
    }),
  ])
  return { blobs: files.filter((file) => file.isFile()).length, holdsResult: results.length > 0 }
}
