import type { FastifyInstance } from 'fastify'
import { isAddress } from 'viem/utils'
import type { Clock } from '../../../base/clock.js'
import { RelayProblem } from '../problem.js'
import type { RelayCore } from '../relayCore.js'
import { sameAddress } from '../rights.js'

/** Anyone may ask, and the answer takes many reads, so the chain is asked at most this often. */
const FRESH_MS = 5_000

/** Public numbers from the chain, by wallet address. */
export function statisticsRoutes(app: FastifyInstance, { chain, clock }: RelayCore): void {
  const network = cached(clock, () => chain.readNetworkStatistics())
  const nodes = cached(clock, () => chain.readNodesStatistics())

  app.get('/v1/stats/network', async (_request, reply) => {
    return reply.type('application/json').send(toJson(await network()))
  })

  app.get<{ Params: { address: string } }>('/v1/stats/nodes/:address', async (request, reply) => {
    const wanted = request.params.address.toLowerCase()
    if (!isAddress(wanted)) throw new RelayProblem('not-found')
    const node = (await nodes()).find(({ address }) => sameAddress(address, wanted))
    if (!node) throw new RelayProblem('not-found')
    return reply.type('application/json').send(toJson(node))
  })
}

/** Remembers an answer for a moment; questions that come together share one read. */
function cached<T>(clock: Clock, read: () => Promise<T>): () => Promise<T> {
  let known: { at: number; answer: Promise<T> } | undefined
  return () => {
    if (known && clock.now() - known.at < FRESH_MS) return known.answer
    const current = { at: clock.now(), answer: read() }
    known = current
    current.answer.catch(() => {
      if (known === current) known = undefined
    })
    return current.answer
  }
}

/** Amounts in wei become decimal strings. */
const toJson = (value: object): string =>
  JSON.stringify(value, (_name, field: unknown) => (typeof field === 'bigint' ? field.toString() : field))
