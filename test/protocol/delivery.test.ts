import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DeliveryEvent, deliver, ImpossibleDeliveryError } from '../../src/protocol/delivery.js'
import { OUTCOME } from '../../src/protocol/outcome.js'
import { judge, type Settlement, type Slot } from '../../src/protocol/verdict.js'

const RULES = { hammingThreshold: 5, errorFeeBasisPoints: 2_000 }
const FEE = 32n // shares of 10, 2 left over
const STAKES = { stakesWei: [400n, 400n, 400n] } as const
const EVENTS = ['uploaded', 'missed', 'faulted'] as const

/** A success of three, who committed in the order 1, 0, 2. */
const succeeded = (): Settlement =>
  judge(
    {
      kind: 'image',
      feeWei: FEE,
      commits: ([1, 0, 2] as Slot[]).map((slot) => ({
        slot,
        revealed: { outcome: OUTCOME.result, score: '0x0123456789abcdef' },
      })),
    },
    RULES,
  )

const following = (...events: DeliveryEvent[]): Settlement =>
  events.reduce((settlement, event) => deliver(settlement, event, STAKES), succeeded())

describe('delivery', () => {
  it.each([
    [['uploaded'], 'completed', 1, [10n, 12n, 10n], 0n, 0n],
    [['missed'], 'awaitingUpload', 0, [10n, 0n, 10n], 0n, 12n],
    [['missed', 'uploaded'], 'completed', 0, [22n, 0n, 10n], 0n, 0n],
    [['missed', 'missed', 'uploaded'], 'completed', 2, [10n, 0n, 22n], 0n, 0n],
    [['missed', 'missed', 'missed'], 'aborted', null, [10n, 0n, 10n], 12n, 0n],
    [['uploaded', 'faulted'], 'completed', 0, [10n, 12n, 10n], 0n, 10n],
    [['uploaded', 'faulted', 'uploaded'], 'completed', 0, [20n, 12n, 10n], 0n, 0n],
    [['uploaded', 'faulted', 'uploaded', 'faulted', 'uploaded'], 'completed', 2, [20n, 12n, 20n], 0n, 0n],
    [['uploaded', 'faulted', 'missed', 'missed'], 'completed', 2, [10n, 12n, 10n], 10n, 0n],
    [['missed', 'missed', 'uploaded', 'faulted'], 'completed', 2, [10n, 0n, 22n], 10n, 0n],
  ] as const)('%s', (events, state, uploader, paidWei, refundWei, escrowWei) => {
    expect(following(...events)).toMatchObject({ state, uploader, paidWei, refundWei, escrowWei })
  })

  it('says what became of each', () => {
    expect(following('missed', 'uploaded', 'faulted').fates).toEqual(['faultyUpload', 'missedUpload', 'agreed'])
    expect(following('missed', 'missed', 'missed').abortReason).toBe('notUploaded')
    expect(following('uploaded', 'faulted').redelivery).toBe(true)
    expect(following('uploaded', 'faulted', 'uploaded').redelivery).toBe(false)
  })

  it('passes over whoever has no stake, and keeps no more than the cheat had', () => {
    const missed = deliver(succeeded(), 'missed', { stakesWei: [0n, 400n, 400n] })
    expect(missed).toMatchObject({ uploader: 2, successors: [] })
    const faulted = deliver(following('uploaded'), 'faulted', { stakesWei: [400n, 7n, 0n] })
    expect(faulted).toMatchObject({ uploader: 0, successors: [], escrowWei: 7n })
    expect(deliver(succeeded(), 'missed', { stakesWei: [0n, 400n, 0n] }).abortReason).toBe('notUploaded')
  })

  it.each([
    [succeeded(), ['uploaded', 'missed']],
    [following('uploaded'), ['faulted']],
    [following('uploaded', 'faulted'), ['uploaded', 'missed']],
    [following('uploaded', 'faulted', 'missed', 'missed'), []], // nobody is left
    [following('missed', 'missed', 'uploaded', 'faulted'), []],
    [following('missed', 'missed', 'missed'), []],
  ])('has one answer for every state and event (%#)', (settlement, possible) => {
    for (const event of EVENTS) {
      if (possible.includes(event)) expect(() => deliver(settlement, event, STAKES)).not.toThrow()
      else expect(() => deliver(settlement, event, STAKES)).toThrow(ImpossibleDeliveryError)
    }
  })

  it('loses no wei on any way, and ends', () => {
    const stakes = fc.bigInt({ min: 0n, max: 40n })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...EVENTS), fc.tuple(stakes, stakes, stakes)), { maxLength: 12 }),
        (steps) => {
          let settlement = succeeded()
          let bountiesWei = 0n
          for (const [event, stakesWei] of steps) {
            let next: Settlement
            try {
              next = deliver(settlement, event, { stakesWei })
            } catch {
              continue
            }
            const { uploader } = settlement
            if (event === 'faulted' && uploader !== null) {
              const taken = stakesWei[uploader]
              bountiesWei += taken < 10n ? taken : 10n
            }
            settlement = next
            const [a, b, c] = settlement.paidWei
            expect(a + b + c + settlement.refundWei + settlement.escrowWei).toBe(FEE + bountiesWei)
            if (settlement.state === 'awaitingUpload' || settlement.redelivery)
              expect(settlement.uploader).not.toBeNull()
            else expect(settlement.escrowWei).toBe(0n)
          }
        },
      ),
    )
  })
})
