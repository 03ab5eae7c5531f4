import type { Address, Hex } from '../../base/hex.js'
import type { ChainWriter } from '../../chain/client.js'
import { readRelayUrl } from '../../chain/read/relayUrl.js'
import { removeRelay } from '../../chain/write/removeRelay.js'
import { setRelay } from '../../chain/write/setRelay.js'

/** What became of a relay on the network's list. */
export type RelayChange = {
  relay: Address
  /** Its public URL before and now; null: not on the list. */
  before: string | null
  url: string | null
  /** null when it was so already. */
  transaction: Hex | null
}

/**
 * Puts a relay on the network's list, changes its public URL, or takes it off.
 *
 * @param url its new public URL; null takes it off the list.
 * @throws TransactionRevertedError (3) when the wallet does not own the network
 */
export async function changeRelay(
  chain: ChainWriter,
  { relay, url }: { relay: Address; url: string | null },
): Promise<RelayChange> {
  const before = await readRelayUrl(chain, { relay })
  if (before === url) return { relay, before, url, transaction: null }
  const { hash } = url === null ? await removeRelay(chain, { relay }) : await setRelay(chain, { relay, url })
  return { relay, before, url, transaction: hash }
}
