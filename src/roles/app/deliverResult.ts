import { recoverTypedDataAddress } from 'viem/utils'
import { CrynuxError } from '../../base/errors.js'
import type { Hex } from '../../base/hex.js'
import type { ChainTask } from '../../chain/read/task.js'
import { deletionReceiptTypedData } from '../../protocol/receipt.js'
import { type DeletionAnswer, RelayRefusedError } from '../../relayClient/client.js'
import { collectResult, ResultForgottenError } from './collectResult.js'
import { planResultFiles, writeResultFiles } from './resultFiles.js'
import { NotDeliverableError } from './taskErrors.js'
import type { AppDependencies, TaskSession } from './taskSession.js'
import { extensionOf, fileCountOf, scoreOfUploader } from './taskShape.js'

/**
 * Fetches, verifies and writes a completed task's files, or remembers that the upload is faulty.
 *
 * @throws ResultForgottenError, RelayDeliversOtherFilesError, OutTargetError
 */
export async function collect(session: TaskSession, task: ChainTask, resultDigest: Hex): Promise<void> {
  const { taskId, resultKey, progress, mark } = session
  const { size, out } = session.entry()
  const relay = await session.relayOf(task)
  const score = scoreOfUploader(task)
  const expected = { taskId, kind: task.kind, count: fileCountOf(task), resultDigest, score, size }
  const collected = await session
    .askRelay(() => collectResult({ relay, identity: resultKey.identity }, expected))
    .catch((error: unknown) => {
      throw isGone(error) ? new ResultForgottenError(taskId) : error
    })
  mark('fetched')
  if (!collected.verified) {
    progress({ at: 'uploadFaulty', uploader: task.uploader, reason: collected.reason })
    return session.remember({ faulty: { resultDigest, signature: null } })
  }
  const { files } = collected
  progress({ at: 'verified', count: files.length })
  const plan = await planResultFiles({ out, count: files.length, extension: extensionOf(task) })
  const written = await writeResultFiles({ files, ...plan, force: out.force })
  await session.remember({
    written: {
      resultDigest,
      // The score consists of the files' hashes, and they have just been found to be exactly these.
      files: written.map((file, index) => (task.kind === 'image' ? { ...file, phash: block(score, index) } : file)),
    },
  })
  mark('written')
  progress({ at: 'written', paths: written.map(({ path }) => path) })
}

/**
 * Has the relay judge a faulty upload. For this it is shown the task's own key, and with it the result (protocol §5).
 *
 * @throws NotDeliverableError when it does not confirm the fault: without its signature the chain does not act.
 */
export async function dispute(session: TaskSession, task: ChainTask, resultDigest: Hex): Promise<void> {
  const { taskId, resultKey } = session
  const { argumentsDigest } = session.entry()
  if (!argumentsDigest) {
    throw new NotDeliverableError(taskId, 'the files do not match the agreed score, and proving it needs the arguments')
  }
  const relay = await session.relayOf(task)
  const reason = 'the files do not match the agreed score, and the relay does not confirm it'
  const { faulty, signature, ...verdict } = await session
    .askRelay(() => relay.dispute(taskId, { identity: resultKey.identity, argumentsDigest }))
    .catch((error: unknown) => {
      throw error instanceof RelayRefusedError ? new NotDeliverableError(taskId, reason, error) : error
    })
  if (!faulty || !signature || verdict.resultDigest.toLowerCase() !== resultDigest.toLowerCase()) {
    throw new NotDeliverableError(taskId, reason)
  }
  await session.remember({ faulty: { resultDigest, signature } })
}

/**
 * Tells the relay that the result has arrived, so that it deletes everything of the task, and keeps its receipt.
 *
 * The files are safe by now: a relay that cannot be reached, or gives no valid receipt, is worth a warning and no more. What it
 * holds is sealed, and goes after a day by itself.
 */
export async function acknowledge(
  { chain, clock }: Pick<AppDependencies, 'chain' | 'clock'>,
  session: TaskSession,
  task: ChainTask,
): Promise<void> {
  const { taskId, progress } = session
  const relay = await session.relayOf(task)
  const receipt = await session
    .askRelay(() => relay.deleteTask(taskId), { patienceMs: 0 })
    .catch((error: unknown) => {
      if (!(error instanceof CrynuxError)) throw error
      if (!isGone(error)) {
        progress({ at: 'warning', message: 'the relay could not be told to delete the result; it does so after a day' })
      }
      return null
    })
  const signature = receipt && (await isSignedByRelay(chain.profile, task, receipt)) ? receipt.signature : null
  if (receipt && !signature) {
    progress({ at: 'warning', message: "the deletion receipt is not signed with the relay's key" })
  }
  const deletedAt = receipt ? Number(receipt.deletedAt) : 0
  await session.remember({ acknowledged: { deletedAt, signature }, endedAtMs: clock.now() })
  session.mark('acknowledged')
  progress({ at: 'acknowledged', receipt: signature !== null })
}

async function isSignedByRelay(
  { chainId, contracts }: AppDependencies['chain']['profile'],
  task: ChainTask,
  { deletedAt, signature }: DeletionAnswer,
): Promise<boolean> {
  const typedData = deletionReceiptTypedData(
    { chainId, consensus: contracts.consensus },
    { taskId: task.id, deletedAt },
  )
  const signer = await recoverTypedDataAddress({ ...typedData, signature }).catch(() => null)
  return signer?.toLowerCase() === task.relay.toLowerCase()
}

/** One picture's 8 bytes of a score. */
const block = (score: Hex, index: number): Hex => `0x${score.slice(2 + index * 16, 18 + index * 16)}`

/** A completed task whose result the relay does not have. */
const isGone = (error: unknown): boolean =>
  error instanceof RelayRefusedError && (error.problem === 'not-found' || error.problem === 'not-ready')
