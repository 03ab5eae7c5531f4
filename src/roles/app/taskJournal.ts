import { join } from 'node:path'
import { CrynuxError, EXIT } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import { createJournal, JournalInUseError, readJournal } from '../../store/journal.js'
import type { AppTransactionName } from './taskProgress.js'

/** A file as it was written after verification. */
export type WrittenFile = {
  path: string
  /** Of the plaintext, 64 hex digits without 0x. */
  sha256: string
  /** Images: the picture's perceptual hash, 8 bytes; equal to its part of the score. */
  phash?: Hex
}

/** One draw of a task: a reorganisation can take it back and have other nodes drawn, or the same ones in another block. */
export type Draw = { nodes: readonly Address[]; commitDeadline: number }

/**
 * What the application remembers of one task. No prompt, no arguments, no key that opens anything: those are given again
 * with a rerun, or derived from the wallet.
 */
export type TaskJournalEntry = {
  taskId: Hex
  /** The user's `--key`, or the random one that was made for them. */
  key: string
  creator: Address
  kind: 'image' | 'text'
  /** Inner part of `argsHash`, salted; shown to the relay in a dispute. Null when the arguments were never seen here. */
  argumentsDigest: Hex | null
  argsHash: Hex
  feeWei: string
  /** Pixels, to bound the decoding of the results. */
  size: { width: number; height: number } | null
  /** Where the files go: absolute path as given, and whether an existing file of another content may be replaced. */
  out: { path: string; force: boolean }
  createdAtMs: number
  /** Transactions that were about to be sent (hash not known yet) or are mined. */
  transactions: { what: AppTransactionName; hash: Hex | null; gasUsed: string | null }[]
  /** Where the relay was when it was last used: the network may take a relay off its list while tasks are under way. */
  relayUrl: string | null
  argumentsSent: boolean
  /** Whom they were sent to; journals from before draws were told apart do not say. */
  argumentsSentFor?: Draw
  faulty: { resultDigest: Hex; signature: Hex | null } | null
  written: { resultDigest: Hex; files: WrittenFile[] } | null
  /** The relay's confirmation that it has deleted everything; `signature` null when it said so without a valid receipt. */
  acknowledged: { deletedAt: number; signature: Hex | null } | null
  endedAtMs: number | null
}

/** The journal of one task; only one process has it at a time. */
export type TaskJournal = {
  read(): TaskJournalEntry | undefined
  /** Resolves when the entry is on the disk. */
  write(entry: TaskJournalEntry): Promise<void>
  close(): Promise<void>
}

/** Which journal: that of one task of one network, in a wallet's data folder. */
type TaskJournalPlace = { dataFolder: string; chainId: number; consensus: Address; taskId: Hex }

/** The same wallet and key give the same task id on every network; their entries must not meet. */
const pathOf = ({ dataFolder, chainId, consensus, taskId }: TaskJournalPlace): string =>
  join(dataFolder, 'app', `${chainId}-${consensus.toLowerCase()}`, taskId.toLowerCase())

/** The key of a task that was submitted from this data folder, also while another process is at it; else null. */
export async function readTaskKey(place: TaskJournalPlace): Promise<string | null> {
  return (await readJournal<TaskJournalEntry>({ path: pathOf(place) })).get(ENTRY)?.key || null
}

/**
 * Opens the journal of one task.
 *
 * @throws TaskInUseError when another process is at the same task.
 */
export async function openTaskJournal(place: TaskJournalPlace): Promise<TaskJournal> {
  const journal = await createJournal<TaskJournalEntry>({ path: pathOf(place) }).catch((error: unknown) => {
    throw error instanceof JournalInUseError ? new TaskInUseError(place.taskId, error) : error
  })
  return {
    read: () => journal.get(ENTRY),
    write: (entry) => journal.set(ENTRY, entry),
    close: () => journal.close(),
  }
}

const ENTRY = 'task'

/** Another process on this machine is at the task: exit status 75. */
export class TaskInUseError extends CrynuxError {
  override readonly code = 'CRYNUX_TASK_IN_USE'
  override readonly exitCode = EXIT.temporary
  constructor(taskId: Hex, cause: unknown) {
    super(`another crynux process is already at task ${taskId}`, {
      remedy: 'Wait until it is done, or stop it; nothing is paid twice either way.',
      details: { taskId },
      cause,
    })
  }
}
