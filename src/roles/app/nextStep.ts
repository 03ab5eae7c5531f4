import type { Hex } from '../../base/hex.js'

/** The part of a task on chain that decides what its creator does next. Times in Unix seconds of the chain. */
export type TaskFacts = {
  state: 'queued' | 'started' | 'revealing' | 'awaitingUpload' | 'completed' | 'aborted'
  drawBlock: number
  commitDeadline: number
  revealDeadline: number
  uploadDeadline: number
  resultDigest: Hex | null
  redelivery: boolean
  committed: number
}

/** Everything that the next step depends on, freshly read. */
export type AppFacts = {
  /** null: not on chain. */
  task: TaskFacts | null
  /** Latest block: number and Unix seconds. */
  block: { number: number; timestamp: number }
  /** The wallet has sent transactions that no block holds yet, perhaps before it was killed. */
  pendingTransactions: boolean
  /** What the ledger balance lacks for the fee; only asked while there is no task. */
  ledgerShortWei: bigint
  /** How many nodes a draw could choose from now; only asked while queued. */
  freeNodes: number
  /** The relay holds (or has already handed out and deleted) the arguments, sealed to the nodes of this very draw. */
  argumentsSent: boolean
  /** Digest of the upload whose opened and verified files lie at their place. */
  writtenDigest: Hex | null
  /** Digest of an upload that did not match the score, with the relay's proof once it has signed one. */
  faulty: { resultDigest: Hex; proven: boolean } | null
  /** The relay has confirmed that it holds nothing of the task any more. */
  acknowledged: boolean
}

export type AppStep =
  | { do: 'deposit'; amountWei: bigint }
  | { do: 'create' }
  | { do: 'start' }
  | { do: 'sendArguments' }
  | { do: 'advance' }
  | { do: 'collect'; resultDigest: Hex }
  | { do: 'dispute'; resultDigest: Hex }
  | { do: 'reportFault'; resultDigest: Hex }
  | { do: 'acknowledge' }
  | {
      do: 'wait'
      for: 'pendingTransactions' | 'nextBlock' | 'nodes' | 'commits' | 'reveals' | 'upload' | 'replacement'
    }
  | { do: 'finish'; because: 'delivered' | 'aborted' | 'undeliverable' }

/**
 * How long after a deadline the application leaves `advance` to others, in seconds.
 * Each drawn node watches the same deadline; whoever comes second pays gas for nothing.
 */
export const ADVANCE_GRACE_SECONDS = 2

/** Whether a step sends a transaction of the wallet. */
export const sendsTransaction = (step: AppStep): boolean =>
  ['deposit', 'create', 'start', 'advance', 'reportFault'].includes(step.do)

/**
 * The one next step of a task's creator, from the chain's present state and what is known here.
 *
 * Level-triggered: nothing depends on which steps ran before in this process, so a program that was killed anywhere continues
 * by asking again. A transaction is never sent while an earlier one of the wallet is still on its way: it may be the very
 * same one.
 */
export function nextStep(facts: AppFacts): AppStep {
  const step = wantedStep(facts)
  return facts.pendingTransactions && sendsTransaction(step) ? { do: 'wait', for: 'pendingTransactions' } : step
}

function wantedStep(facts: AppFacts): AppStep {
  const { task, block } = facts
  if (!task) return facts.ledgerShortWei > 0n ? { do: 'deposit', amountWei: facts.ledgerShortWei } : { do: 'create' }
  const past = (deadline: number) => block.timestamp > deadline + ADVANCE_GRACE_SECONDS
  switch (task.state) {
    case 'queued':
      // The draw is possible in any later block; what is sent now comes into the next one at the earliest.
      if (block.number < task.drawBlock) return { do: 'wait', for: 'nextBlock' }
      return facts.freeNodes >= 3 ? { do: 'start' } : { do: 'wait', for: 'nodes' }
    case 'started':
      if (past(task.commitDeadline)) return { do: 'advance' }
      // With three commitments nobody needs the arguments any more, and the relay has deleted them.
      return facts.argumentsSent || task.committed === 3 ? { do: 'wait', for: 'commits' } : { do: 'sendArguments' }
    case 'revealing':
      return past(task.revealDeadline) ? { do: 'advance' } : { do: 'wait', for: 'reveals' }
    case 'awaitingUpload':
      return past(task.uploadDeadline) ? { do: 'advance' } : { do: 'wait', for: 'upload' }
    case 'completed':
      return afterCompletion(facts, task, past(task.uploadDeadline))
    case 'aborted':
      return { do: 'finish', because: 'aborted' }
  }
}

function afterCompletion(facts: AppFacts, task: TaskFacts, tooLate: boolean): AppStep {
  // Verified files are the end of it, whatever others may still dispute.
  if (facts.writtenDigest) {
    return facts.acknowledged ? { do: 'finish', because: 'delivered' } : { do: 'acknowledge' }
  }
  if (task.redelivery) return tooLate ? { do: 'advance' } : { do: 'wait', for: 'replacement' }
  if (!task.resultDigest) return { do: 'finish', because: 'undeliverable' }
  if (facts.faulty?.resultDigest === task.resultDigest) {
    return { do: facts.faulty.proven ? 'reportFault' : 'dispute', resultDigest: task.resultDigest }
  }
  return { do: 'collect', resultDigest: task.resultDigest }
}
