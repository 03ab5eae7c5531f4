import type { AbiEvent, GetLogsReturnType } from 'viem'
import type { Address } from '../base/hex.js'
import { call } from './call.js'
import { ChainUnreachableError } from './chainError.js'
import type { ChainReader } from './client.js'

/** Public endpoints refuse longer ranges; one that refuses this one is asked again for half of it. */
const BLOCKS_AT_ONCE = 10_000

export type LogQuery<E extends AbiEvent> = {
  address: Address | readonly Address[]
  event: E
  /** Values of indexed fields. */
  args?: Record<string, unknown>
  fromBlock?: number
  toBlock?: number
}

/** The logs of one kind of event in the order of the chain, read in ranges of blocks. */
export async function readLogs<const E extends AbiEvent>(
  chain: ChainReader,
  { address, event, args, fromBlock, toBlock }: LogQuery<E>,
): Promise<GetLogsReturnType<E, [E], true>> {
  return inRanges(
    chain,
    (from, to) =>
      chain.client.getLogs({
        address: address as Address,
        event,
        args,
        strict: true,
        fromBlock: from,
        toBlock: to,
      } as never),
    { fromBlock, toBlock },
  ) as unknown as Promise<GetLogsReturnType<E, [E], true>>
}

/** Calls `read` for consecutive ranges from the network's first block (or `fromBlock`) to the newest one. */
export async function inRanges<T>(
  chain: ChainReader,
  read: (fromBlock: bigint, toBlock: bigint) => Promise<readonly T[]>,
  { fromBlock, toBlock }: { fromBlock?: number | undefined; toBlock?: number | undefined } = {},
): Promise<T[]> {
  const last = toBlock ?? Number(await call(chain.client.getBlockNumber()))
  const found: T[] = []
  let width = BLOCKS_AT_ONCE
  for (let from = fromBlock ?? chain.profile.deployedAtBlock; from <= last; ) {
    chain.signal?.throwIfAborted()
    const to = Math.min(last, from + width - 1)
    try {
      found.push(...(await call(read(BigInt(from), BigInt(to)))))
      from = to + 1
    } catch (error) {
      if (!(error instanceof ChainUnreachableError) || to - from < 100) throw error
      width = Math.ceil((to - from + 1) / 2)
    }
  }
  return found
}
