import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  afterPenalties,
  auditRate,
  bearableMinority,
  blindFee,
  blindStake,
  lazyShare,
} from '../../bench/economics/breakEven.js'
import {
  drawOfNodes,
  drawOfShare,
  majority,
  shareForMajority,
  shareOfFree,
  trialsUntil,
} from '../../bench/economics/draws.js'
import { fillPage } from '../../bench/economics/fillPage.js'
import { DEFAULT_RULES, WAITS_FOR_ARGUMENTS_SECONDS } from '../../bench/economics/rules.js'
import { simulationVectors } from '../../bench/economics/simulationVectors.js'
import { gainOf, payoffOf } from '../../bench/economics/strategies.js'
import { economicsTables } from '../../bench/economics/tables.js'
import { packageRoot } from '../../src/base/packageRoot.js'
import { LONGEST_WAIT_FOR_ARGUMENTS_SECONDS } from '../../src/roles/node/executeTask.js'

const read = (path: string) => readFileSync(join(packageRoot, path), 'utf8')
const shares = [0.05, 0.2, 1 / 3, 0.5, 0.8]

describe('docs/economics.md', () => {
  it('has every table, as the formulas give it', () => {
    const page = read('docs/economics.md')
    expect(fillPage(page)).toBe(page)
    const named = [...page.matchAll(/<!-- table (\w+) -->/g)].map(([, name]) => name)
    expect(named.sort()).toEqual(Object.keys(economicsTables()).sort())
  })

  it('counts with the time that nodes wait for arguments', () => {
    expect(WAITS_FOR_ARGUMENTS_SECONDS).toBe(LONGEST_WAIT_FOR_ARGUMENTS_SECONDS)
  })

  it('is simulated with the same formulas', () => {
    const vectors = JSON.parse(read('test/contracts/vectors/economics.json'))
    expect(vectors).toEqual(JSON.parse(JSON.stringify(simulationVectors())))
  })
})

describe('draws', () => {
  it('counts every three of a small network', () => {
    const [total, own] = [9, 4]
    const counts = [0, 0, 0, 0]
    for (let a = 0; a < total; a++) {
      for (let b = 0; b < a; b++) {
        for (let c = 0; c < b; c++) {
          const k = [a, b, c].filter((node) => node < own).length
          counts[k] = (counts[k] ?? 0) + 1
        }
      }
    }
    const all = counts.reduce((sum, count) => sum + count)
    expect([...drawOfNodes(total, own)]).toEqual(counts.map((count) => expect.closeTo(count / all, 12)))
  })

  it('is 3f² − 2f³, which a large network comes near to', () => {
    for (const f of shares) {
      expect(majority(drawOfShare(f))).toBeCloseTo(3 * f ** 2 - 2 * f ** 3, 12)
      expect(majority(drawOfNodes(100_000, Math.round(100_000 * f)))).toBeCloseTo(majority(drawOfShare(f)), 4)
      expect(shareForMajority(majority(drawOfShare(f)))).toBeCloseTo(f, 9)
    }
  })

  it('knows what is free', () => {
    // 10 of 100; of the other 90 every tenth is free.
    expect(shareOfFree(0.1, 0.9)).toBeCloseTo(10 / 19, 12)
  })

  it('counts trials', () => {
    expect(trialsUntil(1, 0.99)).toBe(1)
    expect(trialsUntil(0.5, 0.75)).toBe(2)
    expect(trialsUntil(0.5, 0.76)).toBe(3)
  })
})

describe('break-even', () => {
  it('of always lying: there the expected gain over all draws is nothing', () => {
    for (const share of shares) {
      for (const fee of [3, 30, 1_200]) {
        const work = fee / 3
        const stake = blindStake({ fee, share, work })
        const gain = (rules = { ...DEFAULT_RULES, stake }) =>
          gainOf({ deviation: 'lie', from: 1 }, { draw: drawOfShare(share), fee, work, rules })
        expect(gain()).toBeCloseTo(0, 9)
        expect(gain({ ...DEFAULT_RULES, stake: stake * 0.99 })).toBeGreaterThan(0)
        expect(blindFee({ stake, share, workShare: 1 })).toBeCloseTo(fee, 6)
      }
    }
  })

  it('of lying together: no stake changes the gain', () => {
    const gain = (stake: number) =>
      gainOf(
        { deviation: 'lie', from: 2 },
        { draw: drawOfShare(0.2), fee: 30, work: 5, rules: { ...DEFAULT_RULES, stake } },
      )
    expect(gain(400)).toBeGreaterThan(0)
    expect(gain(1_000_000)).toBe(gain(400))
  })

  it('of an audit: found so often, a pair gains nothing', () => {
    const [fee, work] = [30, 5]
    const rules = DEFAULT_RULES
    const rate = auditRate({ fee, work, stake: rules.stake })
    const lie = payoffOf({ deviation: 'lie', from: 2 }, { own: 2, fee, rules }).own - rate * 2 * rules.stake
    expect(lie).toBeCloseTo((2 * fee) / 3 - 2 * work, 9)
  })

  it('of an honest node in bad luck: what it is paid is what it loses', () => {
    const [fee, work, stake] = [30, 5, 400]
    const chance = bearableMinority({ fee, work, stake })
    expect((1 - chance) * (fee / 3) - chance * stake).toBeCloseTo(work, 9)
  })

  it('of laziness: there a lazy node earns what an honest one does', () => {
    for (const workShare of [0.25, 0.5, 0.75]) {
      const share = lazyShare({ workShare, errorFee: 0.2 })
      // The lazy nodes as one operator of that share: per node drawn, all of them together and all others together.
      const [fee, rules] = [30, DEFAULT_RULES]
      let [lazy, honest] = [0, 0]
      for (const [own, chance] of drawOfShare(share).entries()) {
        const payoff = payoffOf({ deviation: 'unavailable', from: 1 }, { own, fee, rules })
        lazy += (chance * payoff.own) / (3 * share)
        honest += (chance * payoff.others) / (3 * (1 - share))
      }
      expect(lazy).toBeCloseTo(honest - (workShare * fee) / 3, 9)
    }
  })

  it('of penalties: 14 leave enough to resume', () => {
    expect(afterPenalties(1, DEFAULT_RULES)).toEqual({ stakeWei: 392n * 10n ** 18n, resumes: true })
    expect([13, 14, 15].map((count) => afterPenalties(count, DEFAULT_RULES).resumes)).toEqual([true, true, false])
  })
})

describe('payoffs', () => {
  it('makes and loses no money: what is paid comes from the creator, or goes to the incentive pool', () => {
    const [fee, rules] = [30, DEFAULT_RULES]
    const taken = { honest: 0, lie: 400, silent: 8, unavailable: 0, invalid: 400, withhold: 8 } as const
    for (const deviation of Object.keys(taken) as (keyof typeof taken)[]) {
      for (const own of [0, 1, 2, 3]) {
        const payoff = payoffOf({ deviation, from: 1 }, { own, fee, rules })
        const slashes = deviation === 'lie' || deviation === 'invalid'
        const punished = slashes ? (own === 1 || own === 2 ? 1 : 0) : own
        expect(payoff.own + payoff.others + payoff.creator).toBeCloseTo(-punished * taken[deviation], 9)
      }
    }
  })
})
