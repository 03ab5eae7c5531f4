import type { Hex } from '../base/hex.js'
import { call } from './call.js'
import type { ChainReader } from './client.js'

export type WatchedBlock = {
  number: number
  /** Unix seconds. */
  timestamp: number
  hash: Hex
}

export type WatchBlocksOptions = {
  signal: AbortSignal
  /** Called with the newest block whenever it is another one, also when a reorganisation made the chain shorter. */
  onBlock(block: WatchedBlock): void
  /** Called for every failed question; the watch goes on. */
  onError?(error: unknown): void
}

/** Watches for new blocks until the signal aborts. Blocks that come faster than the polling interval are skipped, not queued. */
export function watchBlocks(chain: ChainReader, { signal, onBlock, onError }: WatchBlocksOptions): void {
  let last: Hex | undefined
  const watch = async () => {
    while (!signal.aborted) {
      try {
        const block = await call(chain.client.getBlock())
        if (block.hash !== last && !signal.aborted) {
          last = block.hash
          onBlock({ number: Number(block.number), timestamp: Number(block.timestamp), hash: block.hash })
        }
      } catch (error) {
        onError?.(error)
      }
      await chain.clock.sleep(chain.pollingIntervalMs, signal).catch(() => undefined)
    }
  }
  void watch()
}
