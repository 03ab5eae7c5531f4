import type { Address, Hex } from '../../base/hex.js'

/** What the application sends to the chain, in the order of the journey. */
export type AppTransactionName = 'deposit' | 'create' | 'start' | 'advance' | 'reportFault'

/** A step of a task that somebody may want to show, as it happens. Holds nothing of the arguments. */
export type TaskProgress =
  | {
      at: 'prepared'
      taskId: Hex
      key: string
      creator: Address
      feeWei: bigint
      argsHash: Hex | null
      resumed: boolean
    }
  | { at: 'transaction'; what: AppTransactionName; hash: Hex; gasUsed: bigint }
  /** Earlier transactions of the wallet are still on their way; nothing is sent before they are mined. */
  | { at: 'pendingTransactions' }
  | { at: 'queued'; freeNodes: number }
  | { at: 'drawn'; nodes: Address[]; commitDeadline: number }
  | { at: 'argumentsSent'; bytes: number }
  | { at: 'committed'; count: number }
  | { at: 'revealed'; count: number }
  | { at: 'uploadAwaited'; uploader: Address; replacement: boolean }
  | { at: 'completed'; uploader: Address | null }
  | { at: 'uploadFaulty'; uploader: Address | null; reason: string }
  | { at: 'verified'; count: number }
  | { at: 'written'; paths: string[] }
  | { at: 'acknowledged'; receipt: boolean }
  | { at: 'warning'; message: string }
