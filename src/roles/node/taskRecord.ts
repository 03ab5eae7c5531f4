import type { Hex } from '../../base/hex.js'
import type { Outcome } from '../../protocol/outcome.js'

/** What a node remembers of one task across restarts. Nothing in it tells what was asked or made. */
export type TaskRecord = {
  /** Set once the work is done; from then on the node stands by it. */
  work?: {
    outcome: Outcome
    /** 8 bytes for each picture, or 32 for a text, or `0x` for an error outcome. */
    score: Hex
    /** How many sealed files wait in the task's folder. */
    sealedFiles: number
  }
  /** The commitment that was, or is about to be, sent. Never replaced: a node does not sign twice. */
  commitment?: Hex
  /** Chain time (Unix seconds) at which this node first saw the task completed. */
  completedAt?: number
  /** The creator has fetched the result and had it deleted: nobody will ask for it again. */
  acknowledged?: boolean
}
