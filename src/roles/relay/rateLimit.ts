import { createHmac, randomBytes } from 'node:crypto'
import type { Clock } from '../../base/clock.js'

/** After this time a client is another one to us. */
const SALT_LIFETIME_MS = 10 * 60_000
/** Bounds the memory that many addresses can take. */
const BUCKET_LIMIT = 100_000

export type RateLimit = {
  /** Seconds to wait, or 0 when the request may pass. */
  take(clientAddress: string): number
}

/**
 * A token bucket for each client, in memory only.
 *
 * Clients are told apart by a keyed hash whose key is random and thrown away every ten minutes together with all buckets: the
 * address itself is neither kept nor recoverable.
 */
export function createRateLimit({
  clock,
  burst,
  perSecond,
}: {
  clock: Clock
  burst: number
  perSecond: number
}): RateLimit {
  let salt = randomBytes(32)
  let saltMadeAt = clock.now()
  const buckets = new Map<string, { tokens: number; at: number }>()
  return {
    take: (clientAddress) => {
      const now = clock.now()
      if (now - saltMadeAt >= SALT_LIFETIME_MS || buckets.size >= BUCKET_LIMIT) {
        salt = randomBytes(32)
        saltMadeAt = now
        buckets.clear()
      }
      const key = createHmac('sha256', salt).update(clientNetwork(clientAddress)).digest('base64')
      const bucket = buckets.get(key) ?? { tokens: burst, at: now }
      bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1_000) * perSecond)
      bucket.at = now
      buckets.set(key, bucket)
      if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) / perSecond)
      bucket.tokens -= 1
      return 0
    },
  }
}

/** One household has a whole IPv6 /64: its first four groups count as one client. */
function clientNetwork(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address
  const [head = '', tail = ''] = address.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === '' ? [] : tail.split(':')
  const zeros = address.includes('::') ? Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0') : []
  return [...front, ...zeros, ...back].slice(0, 4).join(':')
}
