import { sha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { bytesToHex, type Hex } from '../../../src/base/hex.js'
import { OUTCOME, type Outcome } from '../../../src/protocol/outcome.js'
import type { Slot } from '../../../src/protocol/verdict.js'

/** What a node does in a task. `mute` commits to a result and never reveals; `bad` reveals what it did not commit to. */
export type Does = 'result' | 'error1' | 'error2' | 'error3' | 'nothing' | 'mute' | 'bad'

/** What happens after the verdict: in its order, possible or not. `wait` lets the present deadline pass and says so. */
export type DeliveryStep = 'upload' | 'wrongUpload' | 'lateUpload' | 'wait' | 'fault'

export type TaskPlan = {
  kind: 'image' | 'text'
  /** 0 for text. */
  imageCount: number
  feeWei: bigint
  does: readonly Does[]
  /** How far each is off in the picture that decides, and in the others: an index into the distances of `scoreOf`. */
  off: readonly number[]
  offElsewhere: readonly number[]
  deciding: number
  commitOrder: readonly Slot[]
  revealOrder: readonly Slot[]
  delivery: readonly DeliveryStep[]
}

/** A node acts between the steps of tasks. */
export type NodeStep = 'pause' | 'resume' | 'leave' | 'withdrawStake' | 'join'

/**
 * `possible`: not this node but, if there is one, another whose status is right for it; and a stake is waited for until it
 * can be withdrawn.
 */
export type NodeTurn = { node: number; does: NodeStep; possible: boolean }

export type History = {
  parameters: { hammingThreshold: number; errorFeeBasisPoints: number; penaltyBasisPoints: number }
  tasks: readonly TaskPlan[]
  /** Whose turn it is: the next step of that task, or a node's. What is left over is played afterwards, task by task. */
  turns: readonly ({ task: number } | NodeTurn)[]
}

const orders = fc.constantFrom<readonly Slot[]>([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0])

const doings = fc.oneof(
  { weight: 9, arbitrary: fc.constant<Does>('result') },
  { weight: 3, arbitrary: fc.constantFrom<Does>('error1', 'error2', 'error3', 'nothing', 'mute', 'bad') },
)

const plans: fc.Arbitrary<TaskPlan> = fc
  .record({
    kind: fc.constantFrom('image' as const, 'image' as const, 'text' as const),
    imageCount: fc.integer({ min: 1, max: 10 }),
    feeWei: fc.oneof(fc.bigInt({ min: 3n, max: 100n }), fc.bigInt({ min: 3n, max: 10n ** 20n })),
    does: fc.oneof(
      fc.tuple(doings, doings, doings),
      // Three of a kind, and two of a kind, more often than chance has it.
      doings.map((one) => [one, one, one] as const),
      fc.tuple(doings, doings, fc.nat(2)).map(([a, b, at]) => [0, 1, 2].map((slot) => (slot === at ? b : a))),
    ),
    off: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)),
    offElsewhere: fc.tuple(fc.nat(1), fc.nat(1), fc.nat(1)),
    deciding: fc.nat(9),
    commitOrder: orders,
    revealOrder: orders,
    delivery: fc.array(
      fc.oneof(
        { weight: 4, arbitrary: fc.constant<DeliveryStep>('upload') },
        { weight: 3, arbitrary: fc.constant<DeliveryStep>('fault') },
        { weight: 2, arbitrary: fc.constant<DeliveryStep>('wait') },
        { weight: 1, arbitrary: fc.constantFrom<DeliveryStep>('wrongUpload', 'lateUpload') },
      ),
      { maxLength: 7, size: 'max' },
    ),
  })
  .map((plan) => (plan.kind === 'text' ? { ...plan, imageCount: 0 } : plan))

/** Any history of up to four tasks that run at the same time, on nodes that come and go. */
export const histories: fc.Arbitrary<History> = fc.record({
  parameters: fc.record({
    hammingThreshold: fc.oneof(fc.constant(5), fc.integer({ min: 1, max: 16 })),
    errorFeeBasisPoints: fc.oneof(fc.constant(2_000), fc.integer({ min: 0, max: 5_000 })),
    penaltyBasisPoints: fc.oneof(fc.constant(200), fc.integer({ min: 0, max: 1_000 })),
  }),
  tasks: fc.array(plans, { minLength: 1, maxLength: 4, size: 'max' }),
  turns: fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ task: fc.nat(3) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          node: fc.nat(7),
          does: fc.constantFrom<NodeStep>('pause', 'resume', 'resume', 'leave', 'withdrawStake', 'join', 'join'),
          possible: fc.constantFrom(true, true, true, false),
        }),
      },
    ),
    { maxLength: 40, size: 'max' },
  ),
})

/** What a node commits to. */
export function promiseOf(plan: TaskPlan, slot: Slot, hammingThreshold: number): { outcome: Outcome; score: Hex } {
  const does = plan.does[slot] ?? 'nothing'
  if (does.startsWith('error')) return { outcome: Number(does.at(-1)) as Outcome, score: '0x' }
  return { outcome: OUTCOME.result, score: scoreOf(plan, slot, hammingThreshold) }
}

/**
 * Scores at the limit. Each node is off by some bits that nobody else has wrong, so that two are as far from each other as
 * both together are off: at most the limit, exactly the limit, one more, or far more.
 */
function scoreOf(plan: TaskPlan, slot: Slot, threshold: number): Hex {
  const off = plan.off[slot] ?? 0
  if (plan.kind === 'text') {
    const text = sha256(Uint8Array.of(1))
    text[31] = (text[31] ?? 0) ^ (off > 1 ? off : 0)
    return bytesToHex(text)
  }
  const distances = [0, Math.floor((threshold - 1) / 2), Math.ceil(threshold / 2), threshold]
  const score = new Uint8Array(8 * plan.imageCount)
  for (let image = 0; image < plan.imageCount; image++) {
    const picture = sha256(Uint8Array.of(2, image)).subarray(0, 8)
    const index = image === plan.deciding % plan.imageCount ? off : (plan.offElsewhere[slot] ?? 0)
    for (let bit = 0; bit < (distances[index] ?? 0); bit++) {
      // A third of the 64 bits for each, beginning elsewhere in every picture.
      const at = (slot * 21 + bit + 7 * image) % 64
      picture[at >> 3] = (picture[at >> 3] ?? 0) ^ (1 << (at & 7))
    }
    score.set(picture, 8 * image)
  }
  return bytesToHex(score)
}

/**
 * Histories that chance seldom finds: of four nodes that are free a task takes three, its first uploader is late, and the
 * next task takes the three that are left. So whoever is to upload next is busy elsewhere, whatever the draw.
 */
export const CROWDED: readonly History[] = (
  [['upload'], ['wait'], ['upload', 'fault']] as const satisfies readonly (readonly DeliveryStep[])[]
).map((next) => ({
  parameters: { hammingThreshold: 5, errorFeeBasisPoints: 2_000, penaltyBasisPoints: 200 },
  tasks: [success(['wait', ...next]), success(['upload'])],
  turns: [
    ...[0, 1, 2, 3].map((node) => ({ node, does: 'pause' as const, possible: false })),
    // Drawn, committed, revealed, not uploaded.
    ...Array(4).fill({ task: 0 }),
    { task: 1 },
    ...next.map(() => ({ task: 0 })),
    // Who lost its stake meanwhile cannot come back before its other task has ended.
    ...[4, 5, 6, 7].map((node) => ({ node, does: 'join' as const, possible: false })),
  ],
}))

function success(delivery: readonly DeliveryStep[]): TaskPlan {
  return {
    kind: 'image',
    imageCount: 1,
    feeWei: 100n,
    does: ['result', 'result', 'result'],
    off: [0, 0, 0],
    offElsewhere: [0, 0, 0],
    deciding: 0,
    commitOrder: [0, 1, 2],
    revealOrder: [0, 1, 2],
    delivery,
  }
}
