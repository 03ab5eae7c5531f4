import type { Address } from '../../base/hex.js'
import type { ChainTask } from '../../chain/read/task.js'
import { OUTCOME } from '../../protocol/outcome.js'
import type { TaskRecord } from './taskRecord.js'

/** The one next thing to do for a task. */
export type NodeAction =
  | { do: 'wait' }
  /** Fetch, open, check, compute, seal. */
  | { do: 'execute' }
  | { do: 'commit' }
  | { do: 'reveal' }
  | { do: 'upload' }
  /** Past a deadline: anyone may move the task on. */
  | { do: 'advance' }
  /** The task is over for this node: delete its files and its record. */
  | { do: 'forget' }

export type NodeFacts = {
  task: ChainTask | null
  me: Address
  record: TaskRecord
  /** Timestamp of the latest block, Unix seconds. */
  chainTime: number
  /** True while this node works on the task. */
  executing: boolean
  /** How long reveals stay open. */
  revealWindowSeconds: number
  /** How long after completion a faulty upload may still have to be replaced. */
  disputeWindowSeconds: number
}

/** Nodes advance a late task one after the other, so that not all of them pay for the same transaction. */
const ADVANCE_STAGGER_SECONDS = 2

/**
 * Derives a node's next action for one task from the present state alone, so that restarts, missed events and repeated calls
 * all lead to the same place.
 */
export function nextAction(facts: NodeFacts): NodeAction {
  const { task, me, record, chainTime, executing, revealWindowSeconds, disputeWindowSeconds } = facts
  if (!task || task.state === 'aborted') return { do: 'forget' }
  // A reorganisation can take a draw back; the next draw decides.
  if (task.state === 'queued') return { do: executing ? 'wait' : 'forget' }
  const place = task.slots.findIndex((slot) => sameAddress(slot.node, me))
  const slot = task.slots[place]
  if (!slot) return { do: 'forget' }
  const revealOrRecover = (): NodeAction => {
    if (!slot.committed || slot.revealed || executing) return { do: 'wait' }
    return { do: record.work ? 'reveal' : 'execute' }
  }
  const past = (deadline: number) => chainTime > deadline + place * ADVANCE_STAGGER_SECONDS

  switch (task.state) {
    case 'started': {
      if (chainTime <= task.commitDeadline) {
        // Without its journal a node that has committed does the work again: salt and score come out the same.
        if (!record.work) return { do: executing ? 'wait' : 'execute' }
        return { do: slot.committed ? 'wait' : 'commit' }
      }
      // Two of three suffice; the first reveal after the deadline opens the reveals.
      const enough = task.slots.filter((each) => each.committed).length >= 2
      if (!enough) return past(task.commitDeadline) ? { do: 'advance' } : { do: 'wait' }
      const revealDeadline = task.commitDeadline + revealWindowSeconds
      if (chainTime > revealDeadline) return past(revealDeadline) ? { do: 'advance' } : { do: 'wait' }
      return revealOrRecover()
    }
    case 'revealing':
      if (chainTime > task.revealDeadline) return past(task.revealDeadline) ? { do: 'advance' } : { do: 'wait' }
      return revealOrRecover()
    case 'awaitingUpload':
      if (chainTime > task.uploadDeadline) return past(task.uploadDeadline) ? { do: 'advance' } : { do: 'wait' }
      return task.uploader && sameAddress(task.uploader, me) && hasResult(record) ? { do: 'upload' } : { do: 'wait' }
    case 'completed': {
      const mine = task.uploader !== null && sameAddress(task.uploader, me)
      if (task.redelivery) {
        if (mine && chainTime <= task.uploadDeadline && hasResult(record)) return { do: 'upload' }
        return chainTime > task.uploadDeadline ? { do: 'advance' } : { do: 'wait' }
      }
      if (mine || !hasResult(record) || record.acknowledged) return { do: 'forget' }
      // The sealed copy is kept while the uploader's could still prove faulty: whoever is next must be able to deliver.
      const over = record.completedAt !== undefined && chainTime > record.completedAt + disputeWindowSeconds
      return { do: over ? 'forget' : 'wait' }
    }
  }
}

const hasResult = (record: TaskRecord): boolean =>
  record.work?.outcome === OUTCOME.result && record.work.sealedFiles > 0

const sameAddress = (a: Address, b: Address): boolean => a.toLowerCase() === b.toLowerCase()
