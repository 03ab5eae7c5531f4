import { CrynuxError, EXIT } from '../base/errors.js'
import { type BySlot, bySlot, type Fate, type Settlement, type Slot } from './verdict.js'

/**
 * What happens after a success: the uploader's report in time, its window passing without one, or the relay's proof that
 * what it uploaded is not what was agreed.
 */
export type DeliveryEvent = 'uploaded' | 'missed' | 'faulted'

/** What the outcome of an event depends on besides the task. */
export type DeliveryFacts = {
  /** The stakes of the drawn nodes before the event. Who has none cannot answer for an upload, and is passed over. */
  stakesWei: BySlot<bigint>
}

/** state × event → what follows; a faulty upload under replacement is a state of its own. */
const FOLLOWS = {
  awaitingUpload: { uploaded, missed },
  redelivery: { uploaded, missed },
  completed: { faulted },
  aborted: {},
} satisfies { [state in Phase]: { [event in DeliveryEvent]?: Follow } }

type Phase = Settlement['state'] | 'redelivery'
type Follow = (settlement: Settlement, uploader: Slot, facts: DeliveryFacts) => Settlement

/**
 * Where a task stands after one more event (protocol §5, docs/decisions/0002).
 *
 * @throws ImpossibleDeliveryError when TaskConsensus would refuse it.
 */
export function deliver(settlement: Settlement, event: DeliveryEvent, facts: DeliveryFacts): Settlement {
  const phase: Phase = settlement.redelivery ? 'redelivery' : settlement.state
  const follows: { [event in DeliveryEvent]?: Follow } = FOLLOWS[phase]
  const follow = follows[event]
  const { uploader } = settlement
  // A faulty upload that nobody replaced: the task is over.
  const over = uploader !== null && settlement.fates[uploader] !== 'agreed'
  if (!follow || uploader === null || over) throw new ImpossibleDeliveryError(event, phase)
  return follow(settlement, uploader, facts)
}

function uploaded(settlement: Settlement, uploader: Slot): Settlement {
  return {
    ...settlement,
    state: 'completed',
    redelivery: false,
    paidWei: bySlot((slot) => settlement.paidWei[slot] + (slot === uploader ? settlement.escrowWei : 0n)),
    escrowWei: 0n,
  }
}

function missed(settlement: Settlement, uploader: Slot, facts: DeliveryFacts): Settlement {
  return awaitNext(withFate(settlement, uploader, 'missedUpload'), facts)
}

/** The fee is paid already: a share's worth of the cheat's stake is kept for whoever replaces the upload. */
function faulted(settlement: Settlement, uploader: Slot, facts: DeliveryFacts): Settlement {
  const { shareWei } = settlement
  const stakeWei = facts.stakesWei[uploader]
  const covered = stakeWei >= shareWei
  return awaitNext(
    {
      ...withFate(settlement, uploader, 'faultyUpload'),
      redelivery: true,
      escrowWei: covered ? shareWei : stakeWei,
    },
    facts,
  )
}

/** The turn of whoever committed next and still has a stake. When there is nobody, the creator gets what was kept. */
function awaitNext(settlement: Settlement, { stakesWei }: DeliveryFacts): Settlement {
  const [next, ...successors] = settlement.successors.filter((slot) => stakesWei[slot] > 0n)
  if (next !== undefined) return { ...settlement, uploader: next, successors }
  const ended = { ...settlement, successors: [], refundWei: settlement.refundWei + settlement.escrowWei, escrowWei: 0n }
  return settlement.redelivery
    ? { ...ended, redelivery: false }
    : { ...ended, state: 'aborted', abortReason: 'notUploaded', uploader: null }
}

const withFate = (settlement: Settlement, of: Slot, fate: Fate): Settlement => ({
  ...settlement,
  fates: bySlot((slot) => (slot === of ? fate : settlement.fates[slot])),
})

/** A history of a task that no chain with the network's contracts can hold. */
export class ImpossibleDeliveryError extends CrynuxError {
  override readonly code = 'CRYNUX_IMPOSSIBLE_DELIVERY'
  override readonly exitCode = EXIT.verificationFailed
  constructor(event: DeliveryEvent, phase: Phase) {
    super(`an upload cannot be ${event} while its task is ${phase}`, {
      remedy:
        'The endpoint does not tell the truth about this chain, or the contracts are others: try another endpoint.',
      details: { event, phase },
    })
  }
}
