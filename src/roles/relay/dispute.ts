import type { Hex } from '../../base/hex.js'
import { argsHashFromDigest } from '../../protocol/argsHash.js'
import { encryptionKeyFromIdentity } from '../../protocol/encryptionKey.js'
import { CannotOpenError, open } from '../../protocol/envelope.js'
import type { BlobStore } from '../../store/blobs/blobStore.js'
import type { StoredResult } from '../../store/relayDatabase/relayDatabase.js'
import { resultCount, type TaskFacts } from './chainFacts.js'
import { RelayProblem } from './problem.js'
import { sameAddress } from './rights.js'

/** Whether opened result files are what the score says. Rejects only when that cannot be found out. */
export type VerifyResultFiles = (result: {
  kind: 'image' | 'text'
  files: Uint8Array[]
  score: Hex
}) => Promise<boolean>

/**
 * Checks that a key is the one to which the task's results had to be sealed: the hash on chain binds it.
 *
 * @throws RelayProblem `not-the-tasks-key`
 */
export function requireKeyOfTask(
  task: Pick<TaskFacts, 'argsHash'>,
  { identity, argumentsDigest }: { identity: string; argumentsDigest: Hex },
): void {
  const key = encryptionKeyFromIdentity(identity)
  const hash = key && argsHashFromDigest({ argumentsDigest, resultRecipient: key.publicKey })
  if (hash?.toLowerCase() !== task.argsHash.toLowerCase()) throw new RelayProblem('not-the-tasks-key')
}

/**
 * Judges an upload with the task's own key (protocol §5). Opened files stay in memory, and only as long as this takes.
 *
 * The key is known to be the task's, so a file that it does not open is the uploader's fault.
 *
 * @returns true when the upload is faulty.
 */
export async function isFaultyUpload({
  task,
  results,
  identity,
  blobs,
  verifyResultFiles,
}: {
  task: TaskFacts
  results: readonly StoredResult[]
  identity: string
  blobs: Pick<BlobStore, 'read'>
  verifyResultFiles: VerifyResultFiles
}): Promise<boolean> {
  const score = task.slots.find((slot) => sameAddress(slot.node, task.uploader))?.score
  if (score === undefined || score === '0x' || results.length !== resultCount(task))
    throw new RelayProblem('wrong-state')
  const files: Uint8Array[] = []
  for (const { blob } of results) {
    const sealed = await blobs.read(blob)
    try {
      files.push(await open(sealed, identity))
    } catch (error) {
      if (error instanceof CannotOpenError) return true
      throw error
    }
  }
  return !(await verifyResultFiles({ kind: task.kind, files, score }))
}
