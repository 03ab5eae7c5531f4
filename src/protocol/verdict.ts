import type { Hex } from '../base/hex.js'
import { OUTCOME, type Outcome } from './outcome.js'
import { scoresAgree } from './scoreAgreement.js'

/** Which of the three drawn nodes, in the order of the draw. */
export type Slot = 0 | 1 | 2

/** One value for each of the three drawn nodes. */
export type BySlot<Value> = readonly [Value, Value, Value]

/** A commitment that was made in time, and what the node revealed of it in time; null for nothing. */
export type Commit = { slot: Slot; revealed: { outcome: Outcome; score: Hex } | null }

/** What a verdict is made from. */
export type Hearing = {
  kind: 'image' | 'text'
  feeWei: bigint
  /** In the order in which they were made. Whose slot is not among them did not commit. */
  commits: readonly Commit[]
}

/** What a verdict needs of the network's parameters. */
export type VerdictRules = {
  /** Two pictures agree below this number of different bits. */
  hammingThreshold: number
  /** Part of the fee for those who agree on an error; 2000 = 20 %. */
  errorFeeBasisPoints: number
}

/**
 * What becomes of a node:
 * `agreed` one of the majority, paid · `freed` neither paid nor punished · `silent` penalised and paused · `cheated` loses its stake ·
 * `missedUpload` agreed, then let its time for the upload pass: as for silence · `faultyUpload` uploaded what it had not
 * agreed to: loses its stake.
 */
export type Fate = 'agreed' | 'freed' | 'silent' | 'cheated' | 'missedUpload' | 'faultyUpload'

export type VerdictAbortReason =
  | 'notEnoughReveals'
  | 'noAgreement'
  | 'invalidArguments'
  | 'argumentsUnavailable'
  | 'modelUnavailable'
  | 'notUploaded'

/** Where a task stands from its verdict on. All amounts in wei; what was paid, returned and kept is the fee and the bounties. */
export type Settlement = {
  state: 'awaitingUpload' | 'completed' | 'aborted'
  /** null unless aborted. */
  abortReason: VerdictAbortReason | null
  /** Completed, but the upload was proven faulty and `uploader` is to replace it. */
  redelivery: boolean
  /** Who is to upload, or was the last to; null when aborted. */
  uploader: Slot | null
  /** Who is asked after the uploader, one after the other. */
  successors: readonly Slot[]
  fates: BySlot<Fate>
  /** What each has been paid so far. */
  paidWei: BySlot<bigint>
  /** What the creator has got back so far. */
  refundWei: bigint
  /** Kept for the uploader: a share of the fee and the dust or, while a faulty upload is being replaced, the bounty. */
  escrowWei: bigint
  /** What each of the majority gets at least; 0 when nobody agrees. */
  shareWei: bigint
}

/**
 * What is a lie when two agree on something else. Whether arguments are valid, and what comes out of them, is the same for
 * everyone. Whether arguments or a model could be fetched depends on the network, so a difference there proves nothing.
 */
const LIES: { readonly [majority in Outcome]: readonly Outcome[] } = {
  [OUTCOME.result]: [OUTCOME.result, OUTCOME.invalidArguments],
  [OUTCOME.invalidArguments]: [OUTCOME.result],
  [OUTCOME.argumentsUnavailable]: [],
  [OUTCOME.modelUnavailable]: [],
}

const REASONS = {
  [OUTCOME.invalidArguments]: 'invalidArguments',
  [OUTCOME.argumentsUnavailable]: 'argumentsUnavailable',
  [OUTCOME.modelUnavailable]: 'modelUnavailable',
} as const

/** Takes the part of `amount` that basis points (hundredths of a percent) stand for, rounded down. */
export const partOf = (amount: bigint, basisPoints: number): bigint => (amount * BigInt(basisPoints)) / 10_000n

/**
 * The verdict on a task (protocol §5), as TaskConsensus reaches it when all who committed have revealed, or at the deadline.
 *
 * Agreement of pictures is "near enough" and so not transitive: a node that agrees with one other is of the majority
 * (docs/decisions/0010). With one commit alone reveals never open: its node is not silent.
 */
export function judge({ kind, feeWei, commits }: Hearing, rules: VerdictRules): Settlement {
  const spoken = commits.flatMap(({ slot, revealed }) => (revealed ? [{ slot, ...revealed }] : []))
  type Spoken = (typeof spoken)[number]
  const agree = (a: Spoken, b: Spoken): boolean =>
    a.outcome === b.outcome &&
    (a.outcome !== OUTCOME.result || scoresAgree(kind, a.score, b.score, rules.hammingThreshold))
  const majority = spoken.filter((one) => spoken.some((other) => other.slot !== one.slot && agree(one, other)))
  const agreed = majority[0]?.outcome

  const fateOf = (slot: Slot): Fate => {
    if (majority.some((one) => one.slot === slot)) return 'agreed'
    const said = spoken.find((one) => one.slot === slot)?.outcome
    if (said !== undefined) return agreed !== undefined && LIES[agreed].includes(said) ? 'cheated' : 'freed'
    return commits.length === 1 && commits[0]?.slot === slot ? 'freed' : 'silent'
  }
  const fates = bySlot(fateOf)

  if (agreed === undefined) {
    const abortReason = spoken.length < 2 ? 'notEnoughReveals' : 'noAgreement'
    return { ...ENDED, abortReason, fates, paidWei: bySlot(() => 0n), refundWei: feeWei, shareWei: 0n }
  }
  const count = BigInt(majority.length)
  if (agreed !== OUTCOME.result) {
    const shareWei = partOf(feeWei, rules.errorFeeBasisPoints) / count
    const paidWei = bySlot((slot) => (fates[slot] === 'agreed' ? shareWei : 0n))
    return {
      ...ENDED,
      abortReason: REASONS[agreed],
      fates,
      paidWei,
      refundWei: feeWei - shareWei * count,
      shareWei,
    }
  }
  const shareWei = feeWei / count
  const [uploader = null, ...successors] = majority.map(({ slot }) => slot)
  return {
    state: 'awaitingUpload',
    abortReason: null,
    redelivery: false,
    uploader,
    successors,
    fates,
    paidWei: bySlot((slot) => (fates[slot] === 'agreed' && slot !== uploader ? shareWei : 0n)),
    refundWei: 0n,
    escrowWei: feeWei - shareWei * (count - 1n),
    shareWei,
  }
}

/** Makes one value for each slot. */
export const bySlot = <Value>(make: (slot: Slot) => Value): BySlot<Value> => [make(0), make(1), make(2)]

const ENDED = { state: 'aborted', redelivery: false, uploader: null, successors: [], escrowWei: 0n } as const
