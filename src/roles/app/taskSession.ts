import type { Clock } from '../../base/clock.js'
import type { Hex } from '../../base/hex.js'
import type { Logger } from '../../base/logger.js'
import { retry } from '../../base/retry.js'
import type { ChainWriter } from '../../chain/client.js'
import { readRelayUrl } from '../../chain/read/relayUrl.js'
import type { ChainTask } from '../../chain/read/task.js'
import type { TaskRequest } from '../../chain/write/createTask.js'
import { type EncryptionKey, encryptionKeyFromSecret } from '../../protocol/encryptionKey.js'
import type { Wallet } from '../../protocol/wallet.js'
import { type RelayClient, RelayRefusedError, RelayUnreachableError } from '../../relayClient/client.js'
import { RelayGoneError } from './taskErrors.js'
import type { TaskJournal, TaskJournalEntry } from './taskJournal.js'
import type { TaskProgress } from './taskProgress.js'

/** What the application's role works with. */
export type AppDependencies = {
  chain: ChainWriter
  wallet: Wallet
  openRelay(url: string): RelayClient
  /** Journals are kept below it. */
  dataFolder: string
  clock: Clock
  logger: Logger
  /** Ends every wait; the task can be resumed. */
  signal: AbortSignal
  onProgress?(event: TaskProgress): void
}

/** What only the one who submits knows: needed until the arguments are at the relay. */
export type TaskSubmission = {
  request: TaskRequest
  /** 32 bytes, part of the hash on chain. */
  salt: Uint8Array
  canonicalArguments: Uint8Array
}

/** One task while it is followed: what is known of it here, and how to reach its relay. */
export type TaskSession = {
  taskId: Hex
  /** null when an existing task is followed without its arguments. */
  submission: TaskSubmission | null
  /** The key pair that results are sealed to, made for this task alone. */
  resultKey: EncryptionKey
  /** What the journal says. */
  entry(): TaskJournalEntry
  /** Changes the journal; resolves when it is on the disk. */
  remember(change: Partial<TaskJournalEntry>): Promise<void>
  progress(event: TaskProgress): void
  /** Notes the first time that something was so. */
  mark(name: string): void
  marks: ReadonlyMap<string, number>
  relayOf(task: Pick<ChainTask, 'relay'>): Promise<RelayClient>
  /**
   * Asks the relay again for a while when it has not heard of the chain's latest block, and for `patienceMs` (default: a minute)
   * when it cannot be reached: a relay that is being restarted must not end a task that is paid.
   */
  askRelay<T>(attempt: () => Promise<T>, options?: { patienceMs: number }): Promise<T>
}

/** How long a relay may be gone in the middle of a task. */
const RELAY_PATIENCE_MS = 60_000

/** Creates the session of one task. */
export function createTaskSession(
  { chain, wallet, openRelay, clock, onProgress = () => {}, signal }: AppDependencies,
  options: { journal: TaskJournal; entry: TaskJournalEntry; submission: TaskSubmission | null },
): TaskSession {
  const { journal, submission } = options
  const { taskId } = options.entry
  const marks = new Map<string, number>()
  let entry = options.entry
  let relay: RelayClient | undefined
  const remember = async (change: Partial<TaskJournalEntry>) => {
    entry = { ...entry, ...change }
    await journal.write(entry)
  }
  return {
    taskId,
    submission,
    resultKey: encryptionKeyFromSecret(wallet.deriveSecret({ use: 'result key', taskId })),
    entry: () => entry,
    remember,
    progress: onProgress,
    mark: (name) => {
      if (!marks.has(name)) marks.set(name, clock.now())
    },
    marks,
    relayOf: async (task) => {
      if (relay) return relay
      const url = (await readRelayUrl(chain, { relay: task.relay })) ?? entry.relayUrl
      if (url === null) throw new RelayGoneError(task.relay)
      if (url !== entry.relayUrl) await remember({ relayUrl: url })
      relay = openRelay(url)
      return relay
    },
    askRelay: (attempt, { patienceMs } = { patienceMs: RELAY_PATIENCE_MS }) => {
      const giveUpAt = clock.now() + patienceMs
      const isRestarting = (error: unknown) => error instanceof RelayUnreachableError && clock.now() < giveUpAt
      const patiently = () =>
        retry(attempt, { clock, signal, attempts: 100, firstDelayMs: 1_000, isTemporary: isRestarting })
      return retry(patiently, { clock, signal, attempts: 4, firstDelayMs: 500, isTemporary: isTooEarly })
    },
  }
}

/** Relay and application may read different chain endpoints: what is refused now may be granted a block later. */
const isTooEarly = (error: unknown): boolean =>
  error instanceof RelayRefusedError && ['not-found', 'not-ready', 'wrong-state'].includes(error.problem)
