import type { FastifyInstance } from 'fastify'
import { isAddress } from 'viem/utils'
import type { Clock } from '../../../base/clock.js'
import type { Address } from '../../../base/hex.js'
import { RelayProblem } from '../problem.js'
import type { RelayCore } from '../relayCore.js'

/** Anyone may ask, so the chain is asked at most this often. */
const FRESH_MS = 5_000
const CACHE_ENTRIES = 1_000

/** Public numbers from the chain, by wallet address. */
export function statisticsRoutes(app: FastifyInstance, { chain, clock }: RelayCore): void {
  const network = cached(clock, () => chain.readNetworkStatistics())
  const node = cached(clock, (address) => chain.readNodeStatistics(address as Address))

  app.get('/v1/stats/network', async (_request, reply) => {
    return reply.type('application/json').send(toJson(await network('')))
  })

  app.get<{ Params: { address: string } }>('/v1/stats/nodes/:address', async (request, reply) => {
    const { address } = request.params
    if (!isAddress(address, { strict: false })) throw new RelayProblem('not-found')
    const statistics = await node(address.toLowerCase())
    if (!statistics) throw new RelayProblem('not-found')
    return reply.type('application/json').send(toJson(statistics))
  })
}

/** Remembers answers for a moment; questions that come together share one read. */
function cached<T>(clock: Clock, read: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const answers = new Map<string, { at: number; answer: Promise<T> }>()
  return (key) => {
    const known = answers.get(key)
    if (known && clock.now() - known.at < FRESH_MS) return known.answer
    if (answers.size >= CACHE_ENTRIES) answers.clear()
    const answer = read(key)
    answers.set(key, { at: clock.now(), answer })
    answer.catch(() => answers.delete(key))
    return answer
  }
}

/** Amounts in wei become decimal strings. */
const toJson = (value: object): string =>
  JSON.stringify(value, (_name, field: unknown) => (typeof field === 'bigint' ? field.toString() : field))
