import { Decrypter } from 'age-encryption'
import type { Hex } from '../../base/hex.js'
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

/** What age-encryption says when the key unwrapped the file key and the rest of the header is damaged. Its errors have no codes. */
const DAMAGED_HEADER = 'invalid header HMAC'

/**
 * Judges an upload with the task's own key (protocol §5). Opened files stay in memory, and only as long as this takes.
 *
 * A file whose header the key unwraps was sealed to that key by the uploader, so everything wrong behind it is the uploader's
 * fault. A file that the key does not unwrap proves nothing: the creator may have shown another key.
 *
 * @returns true when the upload is faulty.
 * @throws RelayProblem `key-does-not-open`
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
  let damaged = false
  for (const { blob } of results) {
    const opened = await open(await blobs.read(blob), identity)
    if (opened === 'damaged') damaged = true
    else files.push(opened)
  }
  return damaged || !(await verifyResultFiles({ kind: task.kind, files, score }))
}

async function open(sealed: Uint8Array, identity: string): Promise<Uint8Array | 'damaged'> {
  const decrypter = new Decrypter()
  try {
    decrypter.addIdentity(identity)
  } catch {
    throw new RelayProblem('key-does-not-open')
  }
  try {
    await decrypter.decryptHeader(sealed)
  } catch (error) {
    // An unreadable header names no key, so it cannot be tied to the one that is shown.
    if (error instanceof Error && error.message === DAMAGED_HEADER) return 'damaged'
    throw new RelayProblem('key-does-not-open')
  }
  try {
    return await decrypter.decrypt(sealed)
  } catch {
    return 'damaged'
  }
}
