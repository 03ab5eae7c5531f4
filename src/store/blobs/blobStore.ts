import type { Readable } from 'node:stream'
import type { Hex } from '../../base/hex.js'

/** A body that has arrived whole and lies on disk, but belongs to nothing yet. */
export type ReceivedBlob = {
  sizeBytes: number
  sha256: Hex
  /** Makes it a blob of the task, durably; resolves to its name. */
  keep(taskId: Hex): Promise<string>
  /** Removes it, if it was not kept. */
  discard(): Promise<void>
}

/** An open blob. A stream that was made closes it; otherwise `close` does. */
export type OpenBlob = {
  sizeBytes: number
  /** Bytes `start` to `end`, both included. */
  stream(range: { start: number; end: number }): Readable
  close(): Promise<void>
}

/** Where sealed files lie. Names are made by the store and nobody else. */
export type BlobStore = {
  /**
   * Writes a body of exactly `declaredBytes` to a temporary place.
   *
   * @throws IncompleteUploadError when it is shorter or longer; nothing is left then.
   * @throws NoSpaceError before anything is read, when it would not fit.
   */
  receive(source: AsyncIterable<Uint8Array>, options: { declaredBytes: number }): Promise<ReceivedBlob>
  open(name: string): Promise<OpenBlob>
  read(name: string): Promise<Uint8Array>
  /** Removes blobs durably; those that are already gone are no error. */
  remove(names: readonly string[]): Promise<void>
  /** Removes everything that is not in `known`: unfinished uploads, and blobs whose row was never written. */
  removeUnknown(known: ReadonlySet<string>): Promise<number>
}
