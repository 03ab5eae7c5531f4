import type { Hex } from '../../../src/base/hex.js'
import { type DeliveryEvent, deliver } from '../../../src/protocol/delivery.js'
import type { Outcome } from '../../../src/protocol/outcome.js'
import {
  type BySlot,
  bySlot,
  type Commit,
  judge,
  partOf,
  type Settlement,
  type Slot,
} from '../../../src/protocol/verdict.js'

export type ModelStatus = 'none' | 'available' | 'busy' | 'paused' | 'pausePending' | 'leavePending' | 'unbonding'

export type ModelNode = {
  walletWei: bigint
  ledgerWei: bigint
  stakeWei: bigint
  status: ModelStatus
  /** Slashed for one task while another counted on it. */
  held: boolean
  /** The stake may not leave before. */
  liableUntil: number
  unbondingEndsAt: number
}

export type ModelTask = {
  kind: 'image' | 'text'
  feeWei: bigint
  state: 'queued' | 'started' | 'revealing' | 'cancelled' | 'settled'
  /** Numbers of the drawn nodes. */
  drawn: BySlot<number>
  /** Who committed, in that order; and what was revealed. */
  commits: Commit[]
  /** The one that counts now. */
  deadline: number
  settlement: Settlement | null
  /** Who is held until it delivered. */
  firstUploader: Slot | null
}

export type ModelParameters = {
  hammingThreshold: number
  errorFeeBasisPoints: number
  penaltyBasisPoints: number
  executionTimeoutSeconds: number
  revealWindowSeconds: number
  uploadWindowSeconds: number
  unbondingSeconds: number
  resumeStakeWei: bigint
}

/** null: it is done; else the name of the error with which the contracts are to refuse, and nothing has changed. */
export type Refusal = string | null

/**
 * What the network is to be after every step: nodes, ledger and tasks in plain objects. Verdicts and what follows them
 * are the product's own `judge` and `deliver`; this adds who is free for what, and time.
 */
export function createModelNetwork({
  nodes,
  creatorWei,
  parameters,
}: {
  nodes: ModelNode[]
  creatorWei: bigint
  parameters: ModelParameters
}) {
  const tasks: ModelTask[] = []
  const books = { creatorWei, poolWei: 0n }
  const node = (index: number) => nodes[index] as ModelNode
  const task = (index: number) => tasks[index] as ModelTask

  // ---- what a task does to its nodes

  function beginUnbonding(one: ModelNode, now: number) {
    one.status = 'unbonding'
    one.unbondingEndsAt = now + parameters.unbondingSeconds
  }

  function free(one: ModelNode, now: number, penalised = false) {
    if (one.status === 'leavePending') beginUnbonding(one, now)
    else if (one.status === 'pausePending') one.status = 'paused'
    else if (one.status === 'busy') one.status = penalised ? 'paused' : 'available'
    else one.held = false
  }

  function penalise(one: ModelNode) {
    const takenWei = partOf(one.stakeWei, parameters.penaltyBasisPoints)
    one.stakeWei -= takenWei
    books.poolWei += takenWei
  }

  /** @returns what is taken */
  function slash(one: ModelNode): bigint {
    const takenWei = one.stakeWei
    one.stakeWei = 0n
    one.status = 'none'
    return takenWei
  }

  function settle(one: ModelTask, now: number) {
    const settlement = judge(one, parameters)
    one.state = 'settled'
    one.settlement = settlement
    one.firstUploader = settlement.uploader
    one.deadline = settlement.state === 'awaitingUpload' ? now + parameters.uploadWindowSeconds : 0
    for (const slot of [0, 1, 2] as const) {
      const its = node(one.drawn[slot])
      its.ledgerWei += settlement.paidWei[slot]
      const fate = settlement.fates[slot]
      if (fate === 'silent') penalise(its)
      if (fate === 'cheated') {
        its.held = false
        books.poolWei += slash(its)
      } else if (slot !== settlement.uploader) free(its, now, fate === 'silent')
    }
    books.creatorWei += settlement.refundWei
  }

  function follow(one: ModelTask, event: DeliveryEvent, now: number) {
    const before = one.settlement as Settlement
    const slot = before.uploader as Slot
    const its = node(one.drawn[slot])
    const holds = before.state === 'awaitingUpload' && slot === one.firstUploader
    const after = deliver(before, event, { stakesWei: bySlot((each) => node(one.drawn[each]).stakeWei) })
    one.settlement = after
    books.creatorWei += after.refundWei - before.refundWei
    for (const each of [0, 1, 2] as const) node(one.drawn[each]).ledgerWei += after.paidWei[each] - before.paidWei[each]

    if (event === 'uploaded') {
      if (holds) free(its, now)
      // Liable until its upload cannot be faulted any more; who was slashed meanwhile has nothing to hold.
      if (its.status !== 'none') its.liableUntil = Math.max(its.liableUntil, now + parameters.uploadWindowSeconds + 1)
    }
    if (event === 'missed') {
      penalise(its)
      if (holds) free(its, now, true)
      else if (its.status === 'available') its.status = 'paused'
      else if (its.status === 'busy') its.status = 'pausePending'
    }
    if (event === 'faulted' && its.status !== 'none') {
      if (['busy', 'pausePending', 'leavePending'].includes(its.status)) its.held = true
      // What is kept of it is in the task's escrow, or with the creator already.
      const keptWei = after.escrowWei + after.refundWei - before.refundWei
      books.poolWei += slash(its) - keptWei
    }
    const awaits = after.state === 'awaitingUpload' || after.redelivery
    if (awaits && event !== 'uploaded') {
      const next = node(one.drawn[after.uploader as Slot])
      next.liableUntil = Math.max(next.liableUntil, now + 2 * parameters.uploadWindowSeconds + 1)
    }
    one.deadline = awaits || event === 'uploaded' ? now + parameters.uploadWindowSeconds : now - 1
  }

  const awaitsUpload = ({ settlement }: ModelTask): boolean =>
    settlement !== null && (settlement.state === 'awaitingUpload' || settlement.redelivery)
  const revealed = ({ commits }: ModelTask) => commits.filter((commit) => commit.revealed)

  return {
    nodes,
    tasks,
    books,
    awaitsUpload: (index: number) => awaitsUpload(task(index)),
    escrowWei: () =>
      tasks.reduce(
        (sum, { state, feeWei, settlement }) =>
          sum + (state === 'cancelled' ? 0n : settlement ? settlement.escrowWei : feeWei),
        0n,
      ),

    // ---- the journey of a task

    create(request: Pick<ModelTask, 'kind' | 'feeWei'>): Refusal {
      if (books.creatorWei < request.feeWei) return 'TaskConsensus_InsufficientBalance'
      books.creatorWei -= request.feeWei
      tasks.push({
        ...request,
        state: 'queued',
        drawn: [-1, -1, -1],
        commits: [],
        deadline: 0,
        settlement: null,
        firstUploader: null,
      })
      return null
    },

    canStart: (): Refusal =>
      nodes.filter(({ status }) => status === 'available').length < 3 ? 'NodeRegistry_TooFewNodes' : null,

    /** The draw is the chain's; it has to be three that are available. */
    start(index: number, drawn: BySlot<number>, now: number): Refusal {
      if (new Set(drawn).size !== 3) return 'the same node was drawn twice'
      for (const one of drawn.map(node)) {
        if (one.status !== 'available') return `a node was drawn that is ${one.status}`
        one.status = 'busy'
      }
      const one = task(index)
      one.state = 'started'
      one.drawn = drawn
      one.deadline = now + parameters.executionTimeoutSeconds
      return null
    },

    cancel(index: number): Refusal {
      const one = task(index)
      if (one.state !== 'queued') return 'TaskConsensus_WrongState'
      if (nodes.filter(({ status }) => status === 'available').length >= 3) return 'TaskConsensus_CanStart'
      one.state = 'cancelled'
      one.deadline = 0
      books.creatorWei += one.feeWei
      return null
    },

    commit(index: number, slot: Slot, now: number): Refusal {
      const one = task(index)
      if (one.state !== 'started') return 'TaskConsensus_WrongState'
      if (now > one.deadline) return 'TaskConsensus_CommitDeadlinePassed'
      one.commits.push({ slot, revealed: null })
      if (one.commits.length === 3) {
        one.state = 'revealing'
        one.deadline = now + parameters.revealWindowSeconds
      }
      return null
    },

    /** `honest`: it is what the node committed to. */
    reveal(
      index: number,
      slot: Slot,
      said: { outcome: Outcome; score: Hex },
      { honest, now }: { honest: boolean; now: number },
    ): Refusal {
      const one = task(index)
      let { deadline } = one
      if (one.state === 'started') {
        if (now <= deadline || one.commits.length < 2) return 'TaskConsensus_RevealsNotOpen'
        deadline += parameters.revealWindowSeconds
      } else if (one.state !== 'revealing') return 'TaskConsensus_WrongState'
      if (now > deadline) return 'TaskConsensus_RevealDeadlinePassed'
      const commit = one.commits.find((each) => each.slot === slot)
      if (!commit) return 'TaskConsensus_NotCommitted'
      if (!honest) return 'TaskConsensus_CommitmentMismatch'
      one.state = 'revealing'
      one.deadline = deadline
      commit.revealed = said
      if (revealed(one).length === one.commits.length) settle(one, now)
      return null
    },

    advance(index: number, now: number): Refusal {
      const one = task(index)
      const waits = one.state === 'started' || one.state === 'revealing' || awaitsUpload(one)
      if (!waits || now <= one.deadline) return 'TaskConsensus_NothingToAdvance'
      if (awaitsUpload(one)) {
        follow(one, 'missed', now)
        return null
      }
      if (one.state === 'started' && one.commits.length >= 2) {
        one.state = 'revealing'
        one.deadline += parameters.revealWindowSeconds
        if (now <= one.deadline) return null
      }
      settle(one, now)
      return null
    },

    upload(index: number, by: number, now: number): Refusal {
      const one = task(index)
      if (!awaitsUpload(one)) return 'TaskConsensus_WrongState'
      if (one.drawn[one.settlement?.uploader as Slot] !== by) return 'TaskConsensus_NotUploader'
      if (now > one.deadline) return 'TaskConsensus_UploadDeadlinePassed'
      follow(one, 'uploaded', now)
      return null
    },

    fault(index: number, now: number): Refusal {
      const one = task(index)
      if (one.settlement?.state !== 'completed' || one.settlement.redelivery) return 'TaskConsensus_WrongState'
      if (now > one.deadline) return 'TaskConsensus_FaultWindowClosed'
      follow(one, 'faulted', now)
      return null
    },

    // ---- the journey of a node

    join(index: number, stakeWei: bigint): Refusal {
      const one = node(index)
      if (one.status !== 'none') return 'NodeRegistry_AlreadyJoined'
      if (one.held) return 'NodeRegistry_StillHeld'
      one.walletWei -= stakeWei
      one.stakeWei = stakeWei
      one.status = 'available'
      return null
    },

    pause(index: number): Refusal {
      const one = node(index)
      if (one.status === 'available') one.status = 'paused'
      else if (one.status === 'busy') one.status = 'pausePending'
      else return 'NodeRegistry_WrongStatus'
      return null
    },

    resume(index: number): Refusal {
      const one = node(index)
      if (!['paused', 'pausePending', 'leavePending'].includes(one.status)) return 'NodeRegistry_WrongStatus'
      if (one.stakeWei < parameters.resumeStakeWei) return 'NodeRegistry_StakeTooLow'
      one.status = one.status === 'paused' ? 'available' : 'busy'
      return null
    },

    leave(index: number, now: number): Refusal {
      const one = node(index)
      if (one.status === 'available' || one.status === 'paused') beginUnbonding(one, now)
      else if (one.status === 'busy' || one.status === 'pausePending') one.status = 'leavePending'
      else return 'NodeRegistry_WrongStatus'
      return null
    },

    withdrawStake(index: number, now: number): Refusal {
      const one = node(index)
      if (one.status !== 'unbonding') return 'NodeRegistry_WrongStatus'
      if (now < Math.max(one.unbondingEndsAt, one.liableUntil)) return 'NodeRegistry_StillUnbonding'
      one.walletWei += one.stakeWei
      one.stakeWei = 0n
      one.status = 'none'
      return null
    },
  }
}

export type ModelNetwork = ReturnType<typeof createModelNetwork>
