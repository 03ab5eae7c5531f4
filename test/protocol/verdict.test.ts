import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex, type Hex } from '../../src/base/hex.js'
import { OUTCOME, type Outcome } from '../../src/protocol/outcome.js'
import { bySlot, type Commit, type Hearing, judge, partOf, type Slot } from '../../src/protocol/verdict.js'

const RULES = { hammingThreshold: 5, errorFeeBasisPoints: 2_000 }
const FEE = 31n // a third is 10, a fifth is 6

/** A, B, C: that result; 1, 2, 3: that error; `~`: commits and never reveals; `-`: nothing. */
function hearingOf(letters: string, { kind = 'image' as Hearing['kind'], order = '012' } = {}): Hearing {
  const scoreOf = (letter: string): Hex =>
    `0x${letter
      .charCodeAt(0)
      .toString(16)
      .repeat(kind === 'text' ? 32 : 8)}` as Hex
  const commits = [...order].flatMap((digit): Commit[] => {
    const slot = Number(digit) as Slot
    const letter = letters[slot] ?? '-'
    if (letter === '-') return []
    if (letter === '~') return [{ slot, revealed: null }]
    const outcome = ('123'.includes(letter) ? Number(letter) : OUTCOME.result) as Outcome
    return [{ slot, revealed: { outcome, score: outcome === OUTCOME.result ? scoreOf(letter) : '0x' } }]
  })
  return { kind, feeWei: FEE, commits }
}

describe('verdict', () => {
  const [a, f, s, x] = ['agreed', 'freed', 'silent', 'cheated'] as const
  it.each([
    ['AAA', null, [a, a, a], [0n, 10n, 10n], 0n, [0, 1, 2]],
    ['AAB', null, [a, a, x], [0n, 15n, 0n], 0n, [0, 1]],
    ['BAA', null, [x, a, a], [0n, 0n, 15n], 0n, [1, 2]],
    ['A~A', null, [a, s, a], [0n, 0n, 15n], 0n, [0, 2]],
    ['-AA', null, [s, a, a], [0n, 0n, 15n], 0n, [1, 2]],
    ['AA1', null, [a, a, x], [0n, 15n, 0n], 0n, [0, 1]],
    ['A2A', null, [a, f, a], [0n, 0n, 15n], 0n, [0, 2]],
    ['3AA', null, [f, a, a], [0n, 0n, 15n], 0n, [1, 2]],
    ['ABC', 'noAgreement', [f, f, f], [0n, 0n, 0n], FEE, []],
    ['AB-', 'noAgreement', [f, f, s], [0n, 0n, 0n], FEE, []],
    ['123', 'noAgreement', [f, f, f], [0n, 0n, 0n], FEE, []],
    ['A1~', 'noAgreement', [f, f, s], [0n, 0n, 0n], FEE, []],
    ['A~~', 'notEnoughReveals', [f, s, s], [0n, 0n, 0n], FEE, []],
    ['-~-', 'notEnoughReveals', [s, f, s], [0n, 0n, 0n], FEE, []], // it could not reveal: not silent
    ['-~~', 'notEnoughReveals', [s, s, s], [0n, 0n, 0n], FEE, []],
    ['---', 'notEnoughReveals', [s, s, s], [0n, 0n, 0n], FEE, []],
    ['111', 'invalidArguments', [a, a, a], [2n, 2n, 2n], 25n, []],
    ['2-2', 'argumentsUnavailable', [a, s, a], [3n, 0n, 3n], 25n, []],
    ['3A3', 'modelUnavailable', [a, f, a], [3n, 0n, 3n], 25n, []],
    ['11A', 'invalidArguments', [a, a, x], [3n, 3n, 0n], 25n, []],
    ['112', 'invalidArguments', [a, a, f], [3n, 3n, 0n], 25n, []],
    ['331', 'modelUnavailable', [a, a, f], [3n, 3n, 0n], 25n, []],
  ] as const)('of %s', (letters, abortReason, fates, paidWei, refundWei, uploads) => {
    for (const kind of ['image', 'text'] as const) {
      const settlement = judge(hearingOf(letters, { kind }), RULES)
      const { uploader, successors } = settlement
      expect(settlement).toMatchObject({ abortReason, fates, paidWei, refundWei, redelivery: false })
      expect(settlement.state).toBe(abortReason === null ? 'awaitingUpload' : 'aborted')
      expect(uploader === null ? [] : [uploader, ...successors]).toEqual(uploads)
    }
  })

  it('has those upload first who committed first', () => {
    expect(judge(hearingOf('AAA', { order: '201' }), RULES)).toMatchObject({ uploader: 2, successors: [0, 1] })
    expect(judge(hearingOf('ABA', { order: '120' }), RULES)).toMatchObject({ uploader: 2, successors: [0] })
  })

  it('takes all three to agree when one is near both others', () => {
    const said = (score: Hex) => ({ outcome: OUTCOME.result, score })
    const commits: Commit[] = [
      { slot: 0, revealed: said('0x0000000000000000') },
      { slot: 1, revealed: said('0x0000000000000007') },
      { slot: 2, revealed: said('0x000000000000003f') },
    ]
    expect(judge({ kind: 'image', feeWei: FEE, commits }, RULES).fates).toEqual(['agreed', 'agreed', 'agreed'])
    expect(judge({ kind: 'image', feeWei: FEE, commits }, { ...RULES, hammingThreshold: 3 }).abortReason).toBe(
      'noAgreement',
    )
  })

  // ---- what holds for every hearing

  const orders = fc.constantFrom('012', '021', '102', '120', '201', '210')
  const hearings = fc
    .record({
      // Five bits at most: near and far are both common.
      scores: fc.tuple(...[0, 1, 2].map(() => fc.uint8Array({ minLength: 8, maxLength: 8, max: 1 }))),
      outcomes: fc.tuple(...[0, 1, 2].map(() => fc.constantFrom<Outcome | null>(0, 0, 0, 0, 1, 2, 3, null))),
      commits: fc.integer({ min: 0, max: 3 }),
      order: orders,
      feeWei: fc.bigInt({ min: 3n, max: 10n ** 27n }),
    })
    .map(
      ({ scores, outcomes, commits, order, feeWei }): Hearing => ({
        kind: 'image',
        feeWei,
        commits: [...order].slice(0, commits).map((digit): Commit => {
          const slot = Number(digit) as Slot
          const outcome = commits < 2 ? null : (outcomes[slot] ?? null)
          const score = outcome === OUTCOME.result ? bytesToHex(scores[slot] ?? new Uint8Array(8)) : '0x'
          return { slot, revealed: outcome === null ? null : { outcome, score } }
        }),
      }),
    )
  const rules = fc.record({
    hammingThreshold: fc.integer({ min: 1, max: 16 }),
    errorFeeBasisPoints: fc.integer({ min: 0, max: 5_000 }),
  })

  it('splits the fee to the last wei', () => {
    fc.assert(
      fc.property(hearings, rules, (hearing, theRules) => {
        const { paidWei, refundWei, escrowWei } = judge(hearing, theRules)
        expect(paidWei[0] + paidWei[1] + paidWei[2] + refundWei + escrowWei).toBe(hearing.feeWei)
      }),
    )
  })

  it('never calls a node a cheat that agrees with another, nor one without two who agree against it', () => {
    fc.assert(
      fc.property(hearings, rules, (hearing, theRules) => {
        const { fates } = judge(hearing, theRules)
        const agreed = fates.filter((fate) => fate === 'agreed').length
        expect([0, 2, 3]).toContain(agreed)
        if (fates.includes('cheated')) expect(agreed).toBe(2)
      }),
    )
  })

  it('does not depend on who sits where', () => {
    fc.assert(
      fc.property(hearings, rules, orders, (hearing, theRules, seats) => {
        const seat = (slot: Slot) => Number(seats[slot]) as Slot
        const moved = {
          ...hearing,
          commits: hearing.commits.map((commit) => ({ ...commit, slot: seat(commit.slot) })),
        }
        const [before, after] = [judge(hearing, theRules), judge(moved, theRules)]
        expect(bySlot((slot) => after.fates[seat(slot)])).toEqual(before.fates)
        expect(bySlot((slot) => after.paidWei[seat(slot)])).toEqual(before.paidWei)
        expect(after).toMatchObject({ state: before.state, abortReason: before.abortReason })
        expect(after.uploader).toBe(before.uploader === null ? null : seat(before.uploader))
      }),
    )
  })

  it('rounds parts down', () => {
    expect(partOf(9_999n, 200)).toBe(199n)
    expect(partOf(49n, 200)).toBe(0n)
  })
})
