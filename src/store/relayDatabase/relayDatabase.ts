import type { Address, Hex } from '../../base/hex.js'

/** One sealed file that the relay holds. Times in Unix milliseconds. */
export type StoredFile = {
  /** Name in the blob store. */
  blob: string
  sizeBytes: number
  /** Of the sealed bytes. */
  sha256: Hex
  storedAt: number
}

/** Sealed arguments, and to whose nodes they were brought; null when a version stored them that did not ask. */
export type StoredArguments = StoredFile & { draw: string | null }

export type StoredResult = StoredFile & { index: number }

/** A complete set of results that cannot change any more. */
export type Seal = { resultDigest: Hex; sizeBytes: number; sealedAt: number }

/** A task of which anything is held. */
export type HeldTask = {
  taskId: Hex
  arguments: { storedAt: number } | null
  /** Per uploader, when its newest file came. */
  results: { uploader: Address; storedAt: number }[]
}

/**
 * What the relay remembers. Task ids and addresses are lower-case hexadecimal.
 *
 * Every promise resolves after the change is durable. One implementation is a file for a single process; another may be a
 * database that several processes share, which is why even nonces and sessions go through here.
 */
export type RelayDatabase = {
  addNonce(nonce: string, expiresAt: number): Promise<void>
  /** True exactly once for a nonce that was added and has not expired. */
  takeNonce(nonce: string, now: number): Promise<boolean>
  addSession(session: { tokenHash: string; address: Address; expiresAt: number }): Promise<void>
  findSession(tokenHash: string, now: number): Promise<{ address: Address; expiresAt: number } | null>
  removeSession(tokenHash: string): Promise<void>
  /** Forgets what has expired. */
  removeExpired(now: number): Promise<void>

  findArguments(taskId: Hex): Promise<StoredArguments | null>
  addArguments(taskId: Hex, file: StoredFile & { draw: string }): Promise<void>
  /** Returns the names of the blobs that nothing refers to any more. */
  removeArguments(taskId: Hex): Promise<string[]>

  listResults(taskId: Hex, uploader: Address): Promise<StoredResult[]>
  /** Adds or replaces one file; returns the name of the replaced blob. */
  putResult(taskId: Hex, uploader: Address, file: StoredResult): Promise<string | null>
  findSeal(taskId: Hex, uploader: Address): Promise<Seal | null>
  addSeal(taskId: Hex, uploader: Address, seal: Seal): Promise<void>
  /** Removes one uploader's files and seal; returns the names of their blobs. */
  removeResults(taskId: Hex, uploader: Address): Promise<string[]>

  listTasks(): Promise<HeldTask[]>
  findTask(taskId: Hex): Promise<HeldTask | null>
  /** Removes everything of the task; returns the names of its blobs. */
  removeTask(taskId: Hex): Promise<string[]>
  /** Names of all blobs that a row refers to. */
  listBlobs(): Promise<string[]>
  /** Overwrites what was deleted, in the file and in its write-ahead log. */
  scrub(): Promise<void>
  /** Rejects when the database cannot be used. */
  check(): Promise<void>
  close(): Promise<void>
}
