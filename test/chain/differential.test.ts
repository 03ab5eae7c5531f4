import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startAnvil, type TestAnvil } from '../helpers/anvil.js'
import { type ChainNetwork, createChainNetwork } from '../helpers/differential/chainNetwork.js'
import { CROWDED, histories } from '../helpers/differential/history.js'
import {
  CREATOR_WEI,
  EXECUTION_TIMEOUT_SECONDS,
  NODES,
  playHistory,
  REVEAL_WINDOW_SECONDS,
  type Tally,
  UNBONDING_SECONDS,
  UPLOAD_WINDOW_SECONDS,
} from '../helpers/differential/playHistory.js'

/** `npm run test:differential -- --histories 1000 --seed 1` sets these. */
const QUICK = 40
const NUMBER = Number(process.env.CRYNUX_DIFFERENTIAL_HISTORIES ?? QUICK)
const SEED = Number(process.env.CRYNUX_DIFFERENTIAL_SEED ?? 0x43524e58)

const TO_MEET = [
  'task completed',
  'task noAgreement',
  'task notEnoughReveals',
  'task notUploaded',
  'node cheated',
  'node silent',
  'node missedUpload',
  'node faultyUpload',
  'TaskConsensus_CommitmentMismatch',
  'TaskConsensus_NotUploader',
  'TaskConsensus_FaultWindowClosed',
  'NodeRegistry_StillHeld',
]

let anvil: TestAnvil
let chain: ChainNetwork

beforeAll(async () => {
  anvil = await startAnvil()
  chain = await createChainNetwork(anvil, {
    nodes: NODES,
    creatorWei: CREATOR_WEI,
    executionTimeoutSeconds: EXECUTION_TIMEOUT_SECONDS,
    revealWindowSeconds: REVEAL_WINDOW_SECONDS,
    uploadWindowSeconds: UPLOAD_WINDOW_SECONDS,
    unbondingSeconds: UNBONDING_SECONDS,
  })
})
afterAll(() => anvil.stop())

describe('the same history through src/protocol and through the contracts', () => {
  it(`comes to the same end at every step (${NUMBER} histories, seed ${SEED})`, async () => {
    const tally: Tally = new Map()
    let fresh = await chain.snapshot()
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        try {
          await playHistory(chain, history, tally)
        } finally {
          await chain.restore(fresh)
          fresh = await chain.snapshot()
        }
      }),
      { seed: SEED, numRuns: NUMBER, examples: CROWDED.map((history) => [history]) },
    )
    const lines = [...tally].sort().map(([what, times]) => `${String(times).padStart(8)}  ${what}`)
    if (NUMBER !== QUICK) process.stdout.write(`${lines.join('\n')}\n`)
    // Histories that meet none of these would show little.
    if (NUMBER >= QUICK) expect([...tally.keys()]).toEqual(expect.arrayContaining(TO_MEET))
  }, 3_600_000)
})
