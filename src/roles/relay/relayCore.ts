import type { Clock } from '../../base/clock.js'
import type { Address } from '../../base/hex.js'
import type { Logger } from '../../base/logger.js'
import type { BlobStore } from '../../store/blobs/blobStore.js'
import type { RelayDatabase } from '../../store/relayDatabase/relayDatabase.js'
import type { ChainFacts } from './chainFacts.js'
import type { VerifyResultFiles } from './dispute.js'
import type { KeyedLock } from './keyedLock.js'
import type { RelayLimits } from './limits.js'
import type { Receipts } from './receipts.js'
import type { Retention } from './retention.js'
import type { SignIn } from './signIn.js'
import type { TaskEvents } from './taskEvents.js'

/** What every route works with; built once in createRelayApp. */
export type RelayCore = {
  /** The receipt signer: tasks that name another relay are not ours. */
  relay: Address
  chain: ChainFacts
  database: RelayDatabase
  blobs: BlobStore
  receipts: Receipts
  signIn: SignIn
  events: TaskEvents
  retention: Retention
  lock: KeyedLock
  verifyResultFiles: VerifyResultFiles
  limits: RelayLimits
  clock: Clock
  logger: Logger
  /** Aborts when the relay stops taking requests. */
  signal: AbortSignal
}
