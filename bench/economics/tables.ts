import { afterPenalties, auditRate, bearableMinority, blindFee, blindStake, lazyShare } from './breakEven.js'
import {
  drawOfNodes,
  drawOfOwnModel,
  drawOfShare,
  majority,
  shareForMajority,
  shareOfFree,
  trialsUntil,
} from './draws.js'
import { markdownTable } from './markdownTable.js'
import { DEFAULT_FEE, DEFAULT_RULES, WAITS_FOR_ARGUMENTS_SECONDS } from './rules.js'
import { type Deviation, gainOf, payoffOf } from './strategies.js'

const SHARES = [0.01, 0.05, 0.1, 0.2, 1 / 3, 0.5]
const FEES = [3, 30, 100, 300, 1_000]
/** The part of its pay that a node's work costs it, where a table needs one. */
const WORK = 0.5
const { stake, penalty, errorFee } = DEFAULT_RULES
const workAt = (fee: number, part = WORK): number => (fee / 3) * part

/** The tables of docs/economics.md by the names that the page gives them. */
export const economicsTables = (): Record<string, string> => ({
  majority: markdownTable(
    [
      'share f',
      'P(≥ 2 of 3)',
      'P(3 of 3)',
      'wrong results a day, at 1,000 tasks',
      'tasks until one is wrong (50 %)',
      'honest nodes slashed a day',
    ],
    [0.001, ...SHARES].map((share) => {
      const draw = drawOfShare(share)
      return [
        percent(share),
        percent(majority(draw)),
        percent(draw[3]),
        number(1_000 * majority(draw)),
        number(trialsUntil(majority(draw), 0.5)),
        number(1_000 * draw[2]),
      ]
    }),
  ),

  capital: markdownTable(
    ['P(≥ 2 of 3)', 'share f', 'nodes beside 100 honest', 'CNX locked', 'nodes beside 1,000 honest', 'CNX locked'],
    [0.001, 0.01, 0.1, 0.5].map((chance) => {
      const share = shareForMajority(chance)
      const [hundred, thousand] = [100, 1_000].map((honest) => Math.ceil((share / (1 - share)) * honest - 1e-9))
      const locked = (nodes = 0) => [number(nodes), number(nodes * stake)]
      return [percent(chance), percent(share), ...locked(hundred), ...locked(thousand)]
    }),
  ),

  free: markdownTable(
    ['share of the members', 'the others are busy 0 %', '50 %', '75 %', '90 %', '99 %'],
    [0.01, 0.1, 1 / 3].map((share) => [
      percent(share),
      ...[0, 0.5, 0.75, 0.9, 0.99].map((busy) => {
        const free = shareOfFree(share, busy)
        return `${percent(free)} → ${percent(majority(drawOfShare(free)))}`
      }),
    ]),
  ),

  model: markdownTable(
    ['share f', 'images; text under a common name', 'text, operator under a name of its own', 'times as often'],
    SHARES.map((share) => {
      const [common, own] = [majority(drawOfShare(share)), majority(drawOfOwnModel(share))]
      return [percent(share), percent(common), percent(own), number(own / common)]
    }),
  ),

  payoffs: markdownTable(
    ['the operator has', 'and its nodes', 'they get', 'the honest get', 'the creator pays', 'for'],
    PAYOFF_ROWS.flatMap(([deviation, words]) =>
      [1, 2, 3].map((own) => {
        const payoff = payoffOf({ deviation, from: 1 }, { own, fee: DEFAULT_FEE, rules: DEFAULT_RULES })
        return [
          `${own} of 3`,
          words,
          number(payoff.own),
          own === 3 ? '–' : number(payoff.others),
          number(-payoff.creator),
          worth(deviation, own),
        ]
      }),
    ),
  ),

  blind: markdownTable(
    [
      'share f',
      ...[30, 300, 1_200].map((fee) => `stake at a fee of ${number(fee)}`),
      'highest fee, work costs all of the pay',
      'half of it',
    ],
    [0.01, 0.1, 1 / 3, 0.5, 2 / 3, 0.8, 0.9].map((share) => [
      percent(share),
      ...[30, 300, 1_200].map((fee) => number(blindStake({ fee, share, work: fee / 3 }))),
      ...[1, WORK].map((workShare) => fees(blindFee({ stake, share, workShare }))),
    ]),
  ),

  together: markdownTable(
    ['share f', 'operator gains a day, at 1,000 tasks', 'honest nodes lose', 'an honest node earns by a task'],
    SHARES.map((share) => {
      const draw = drawOfShare(share)
      const work = workAt(DEFAULT_FEE)
      const gain = gainOf({ deviation: 'lie', from: 2 }, { draw, fee: DEFAULT_FEE, work, rules: DEFAULT_RULES })
      const earns = ((1 - share ** 2) * DEFAULT_FEE) / 3 - share ** 2 * stake - work
      return [percent(share), number(1_000 * gain), number(1_000 * draw[2] * stake), number(earns)]
    }),
  ),

  audit: markdownTable(
    [
      'fee',
      'lies to be found, work costs half of the pay',
      'all of it',
      'tasks to run again for it, f = 10 %',
      'f = 33 %',
    ],
    FEES.map((fee) => {
      const rate = auditRate({ fee, work: fee / 3, stake })
      return [
        number(fee),
        reachable(auditRate({ fee, work: workAt(fee), stake })),
        reachable(rate),
        // Three others run it again, and may be of the same operator.
        ...[0.1, 1 / 3].map((share) => reachable(rate / (1 - majority(drawOfShare(share))))),
      ]
    }),
  ),

  bearable: markdownTable(
    ['fee', 'bearable chance of being the minority', 'share of a coalition that causes it'],
    FEES.map((fee) => {
      const chance = bearableMinority({ fee, work: workAt(fee), stake })
      return [number(fee), percent(chance), percent(Math.sqrt(chance))]
    }),
  ),

  detection: markdownTable(
    ['lies in', 'nobody else lies: 50 %', '95 %', '99 %', 'a third lies the same: 50 %', '95 %', '99 %'],
    [1, 0.1, 0.01, 0.001].map((lies) => [
      percent(lies),
      ...[0, 1 / 3].flatMap((share) =>
        [0.5, 0.95, 0.99].map((certainty) => number(trialsUntil(lies * (1 - share) ** 2, certainty))),
      ),
    ]),
  ),

  resubmit: markdownTable(
    ['share f', 'wrong results', 'again 1 % of tasks', '5 %', '20 %', 'all'],
    SHARES.map((share) => {
      const wrong = majority(drawOfShare(share))
      return [
        percent(share),
        percent(wrong),
        // The second run differs when one of the two is wrong; the same lie twice is not seen.
        ...[0.01, 0.05, 0.2, 1].map((part) => number(trialsUntil(part * 2 * wrong * (1 - wrong), 0.95))),
      ]
    }),
  ),

  silence: markdownTable(
    ['penalties', 'stake left', 'lost so far', 'may resume'],
    [1, 2, 5, 10, 14, 15].map((count) => {
      const { stakeWei, resumes } = afterPenalties(count, DEFAULT_RULES)
      const left = Number(stakeWei) / 1e18
      return [number(count), left.toFixed(2), (stake - left).toFixed(2), resumes ? 'yes' : 'no: add stake first']
    }),
  ),

  griefing: markdownTable(
    [
      'fee',
      'pair loses: penalties',
      'and pay',
      'honest third loses',
      'its loss for each CNX of penalty',
      'pair says "unavailable" instead and gets',
    ],
    FEES.map((fee) => {
      const lost = 2 * penalty * stake
      return [
        number(fee),
        number(lost),
        number((2 * fee) / 3),
        number(fee / 3),
        number(fee / 3 / lost),
        number(errorFee * fee),
      ]
    }),
  ),

  lazy: markdownTable(
    [
      'work costs, of the pay',
      'laziness pays from a share of lazy nodes of',
      'a pair that only avoids work gains by it',
    ],
    [0, 0.25, 0.5, 0.75, 0.9].map((workShare) => {
      const gain = payoffOf({ deviation: 'unavailable', from: 1 }, { own: 2, fee: DEFAULT_FEE, rules: DEFAULT_RULES })
      const net = gain.own - 2 * (DEFAULT_FEE / 3) * (1 - workShare)
      return [percent(workShare), percent(lazyShare({ workShare, errorFee })), number(net)]
    }),
  ),

  occupy: markdownTable(
    [
      'fee of each task',
      'three nodes for 2 min',
      '100 nodes for 2 min',
      '100 nodes for an hour',
      '100 nodes for a day',
      'tasks of 30 CNX that pay for an hour',
    ],
    [0, 1, 10, 30].map((fee) => {
      const cost = errorFee * fee
      const hundred = Math.ceil(100 / 3) * cost
      const hundredFor = (seconds: number) => (hundred * seconds) / WAITS_FOR_ARGUMENTS_SECONDS
      return [
        fee === 0 ? '3 wei' : number(fee),
        number(cost),
        number(hundred),
        number(hundredFor(3_600)),
        number(hundredFor(86_400)),
        number(Math.ceil(hundredFor(3_600) / DEFAULT_FEE)),
      ]
    }),
  ),

  draws: markdownTable(
    [
      'the pool holds',
      'P(both of two own nodes)',
      'tasks until then (50 %)',
      'on average',
      'CNX, if each cost 20 % of 30',
    ],
    [3, 5, 10, 30, 100, 1_000].map((nodes) => {
      const chance = majority(drawOfNodes(nodes, 2))
      return [
        `${number(nodes)} nodes`,
        percent(chance),
        number(trialsUntil(chance, 0.5)),
        number(1 / chance),
        number((errorFee * DEFAULT_FEE) / chance),
      ]
    }),
  ),

  advice: markdownTable(
    ['fee', 'A: blind lies, f = 33 %', 'B: blind lies, f = 67 %', 'C: silent pair', 'D: audits of 5 %', 'E: at most'],
    FEES.map((fee) => [
      number(fee),
      number(up(blindStake({ fee, share: 1 / 3, work: fee / 3 }))),
      number(up(blindStake({ fee, share: 2 / 3, work: fee / 3 }))),
      number(up(fee / 3 / (2 * penalty))),
      number(up(fee / (2 * 0.05))),
      number(Math.floor((fee / 3 - workAt(fee)) / 0.001 - fee / 3 + 1e-6)),
    ]),
  ),
})

const PAYOFF_ROWS: readonly (readonly [Deviation, string])[] = [
  ['honest', 'are honest'],
  ['lie', 'lie, all the same'],
  ['silent', 'are silent'],
  ['unavailable', 'say "unavailable"'],
  ['invalid', 'say "invalid"'],
  ['withhold', 'agree first, upload nothing'],
]

/** What the creator has in the end. */
function worth(deviation: Deviation, own: number): string {
  if (deviation === 'honest') return 'the result'
  if (deviation === 'withhold') return own === 3 ? 'nothing' : `the result, ${10 * own} min late`
  if (own === 1) return deviation === 'silent' ? 'the result, late' : 'the result'
  return deviation === 'lie' ? 'a wrong result' : 'nothing'
}

/** The next whole number, but not because of the last bit of a double. */
const up = (value: number): number => Math.ceil(value - 1e-6)
const reachable = (rate: number): string => (rate > 1 ? 'not even all' : percent(rate))
const fees = (fee: number): string => (Number.isFinite(fee) ? number(Math.floor(fee + 1e-6)) : 'any')

/** 1,234 · 12.3 · 0.0123: three digits that count, and thousands set apart. */
function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3
  const rounded = Math.abs(value) >= 0.1 ? value.toFixed(digits) : Number(value.toPrecision(2)).toFixed(12)
  const plain = rounded.includes('.') ? rounded.replace(/\.?0+$/, '') : rounded
  const [whole = '', fraction] = plain.replace('-', '−').split('.')
  return whole.replace(/\B(?=(\d{3})+$)/g, ',') + (fraction === undefined ? '' : `.${fraction}`)
}

const percent = (share: number): string => `${number(100 * share)} %`
