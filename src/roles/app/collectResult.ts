import { CrynuxError, EXIT } from '../../base/errors.js'
import type { Hex } from '../../base/hex.js'
import { verifyResultFiles } from '../../core/task/verifyResult.js'
import { CannotOpenError, open } from '../../protocol/envelope.js'
import { resultDigestOf } from '../../protocol/resultDigest.js'
import type { RelayClient } from '../../relayClient/client.js'

/** What the chain says about a finished task's result. */
export type ExpectedResult = {
  taskId: Hex
  kind: 'image' | 'text'
  /** Number of files: the images, or one text. */
  count: number
  /** Digest of the sealed files, as the uploader reported it. */
  resultDigest: Hex
  /** The uploader's own revealed score. */
  score: Hex
  /** Pixels of each image, where known: nothing larger is decoded. */
  size: { width: number; height: number } | null
}

export type CollectedResult = { verified: true; files: Uint8Array[] } | { verified: false; reason: string }

/**
 * Fetches a task's sealed files, opens them with the task's own identity, and checks them against the uploader's score, exactly.
 *
 * The threshold that lets *different* nodes agree has no place here: the uploader revealed the score of the very files it now
 * delivers, so that one differing bit means other files.
 *
 * @returns `verified: false` when the uploader is at fault, whose digest on chain covers these very files.
 * @throws RelayDeliversOtherFilesError when the relay hands out anything but what the uploader reported; ResultForgottenError
 *   when it has nothing any more; RelayUnreachableError.
 */
export async function collectResult(
  { relay, identity }: { relay: Pick<RelayClient, 'listResults' | 'getResult'>; identity: string },
  expected: ExpectedResult,
): Promise<CollectedResult> {
  const { taskId, kind, count, resultDigest, score, size } = expected
  const listed = await relay.listResults(taskId)
  if (listed.length === 0) throw new ResultForgottenError(taskId)
  const sealed: Uint8Array[] = []
  for (let index = 0; index < listed.length; index++) sealed.push(await relay.getResult(taskId, index))
  if (resultDigestOf(sealed) !== resultDigest.toLowerCase()) throw new RelayDeliversOtherFilesError(taskId)
  if (sealed.length !== count) return { verified: false, reason: `${sealed.length} files instead of ${count}` }
  const files: Uint8Array[] = []
  for (const file of sealed) {
    try {
      files.push(await open(file, identity))
    } catch (error) {
      if (error instanceof CannotOpenError) return { verified: false, reason: 'a file cannot be opened' }
      throw error
    }
  }
  const matches = await verifyResultFiles({ kind, files, score, ...(size ?? {}) })
  return matches
    ? { verified: true, files }
    : { verified: false, reason: 'the files do not have the score that was agreed' }
}

/** What the relay hands out is not what the uploader reported on chain: exit status 11. */
export class RelayDeliversOtherFilesError extends CrynuxError {
  override readonly code = 'CRYNUX_RELAY_DELIVERS_OTHER_FILES'
  override readonly exitCode = EXIT.verificationFailed
  constructor(taskId: Hex) {
    super(`the relay's files for task ${taskId} are not those whose digest stands on chain`, {
      remedy:
        'Nothing was written. Run the same command again; if it stays so, the relay is faulty: tell its operator.',
      details: { taskId },
    })
  }
}

/** The relay has deleted the result: acknowledged earlier, or too old. Exit status 6. */
export class ResultForgottenError extends CrynuxError {
  override readonly code = 'CRYNUX_RESULT_FORGOTTEN'
  override readonly exitCode = EXIT.relay
  constructor(taskId: Hex, whereItWent?: string) {
    super(`the relay no longer has the result of task ${taskId}${whereItWent ? `; ${whereItWent}` : ''}`, {
      remedy:
        'A result is deleted when its creator has acknowledged it, at the latest after a day. Submit a new task with another --key.',
      details: { taskId },
    })
  }
}
