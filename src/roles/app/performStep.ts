import type { Hex } from '../../base/hex.js'
import { readNode } from '../../chain/read/node.js'
import { type ChainTask, readTask } from '../../chain/read/task.js'
import { readTokenBalance } from '../../chain/read/tokenBalance.js'
import { TransactionRevertedError } from '../../chain/revert.js'
import { advanceTask } from '../../chain/write/advanceTask.js'
import { createTask } from '../../chain/write/createTask.js'
import { deposit } from '../../chain/write/deposit.js'
import { reportFault } from '../../chain/write/reportFault.js'
import { startTask } from '../../chain/write/startTask.js'
import { isUsablePublicKey } from '../../protocol/encryptionKey.js'
import { sealArguments } from '../../protocol/envelope.js'
import { acknowledge, collect, dispute } from './deliverResult.js'
import type { AppStep } from './nextStep.js'
import { ArgumentsNeededError, InsufficientTokensError, UnknownTaskError } from './taskErrors.js'
import type { Draw } from './taskJournal.js'
import type { AppTransactionName } from './taskProgress.js'
import type { AppDependencies, TaskSession } from './taskSession.js'
import { orAborted, type Wake } from './wake.js'

/** A step that does something, and the task that it is about. */
export type DueStep = { step: Exclude<AppStep, { do: 'wait' | 'finish' }>; task: ChainTask | null }

/** Does one step. When it rejects, reading the chain again tells whether it happened all the same. */
export async function performStep(
  dependencies: AppDependencies & { wake: Wake },
  session: TaskSession,
  { step, task }: DueStep,
): Promise<void> {
  const { chain } = dependencies
  const { taskId, submission } = session
  switch (step.do) {
    case 'deposit':
      await requireTokens(dependencies, session, step.amountWei)
      return transact(session, 'deposit', () => deposit(chain, { amountWei: step.amountWei }))
    case 'create':
      if (!submission) throw new UnknownTaskError(taskId)
      await transact(session, 'create', () => createTask(chain, submission.request))
      return waitUntilVisible(dependencies, taskId)
    case 'start':
      return transact(session, 'start', () => startTask(chain, { taskId }))
    case 'advance':
      return transact(session, 'advance', () => advanceTask(chain, { taskId }))
    case 'reportFault': {
      const { resultDigest } = step
      const signature = session.entry().faulty?.signature
      if (!signature) return
      return transact(session, 'reportFault', () => reportFault(chain, { taskId, resultDigest, signature }))
    }
    default:
      if (!task) throw new UnknownTaskError(taskId)
      if (step.do === 'sendArguments') return sendArguments(dependencies, session, task)
      if (step.do === 'collect') return collect(session, task, step.resultDigest)
      if (step.do === 'dispute') return dispute(session, task, step.resultDigest)
      return acknowledge(dependencies, session, task)
  }
}

async function requireTokens(
  { chain, wallet }: AppDependencies,
  session: TaskSession,
  neededWei: bigint,
): Promise<void> {
  const heldWei = await readTokenBalance(chain, { account: wallet.address })
  const feeWei = BigInt(session.entry().feeWei)
  if (heldWei < neededWei) throw new InsufficientTokensError({ neededWei, heldWei, feeWei })
}

/** The journal knows of a transaction before the chain can. */
async function transact(
  session: TaskSession,
  what: AppTransactionName,
  send: () => Promise<{ hash: Hex; gasUsed: bigint }>,
): Promise<void> {
  const before = session.entry().transactions
  await session.remember({ transactions: [...before, { what, hash: null, gasUsed: null }] })
  try {
    const { hash, gasUsed } = await send()
    await session.remember({ transactions: [...before, { what, hash, gasUsed: gasUsed.toString() }] })
    session.progress({ at: 'transaction', what, hash, gasUsed })
  } catch (error) {
    if (error instanceof TransactionRevertedError) await session.remember({ transactions: before })
    throw error
  }
}

/** An endpoint that lags behind the one that had the receipt must not make us create the task again. */
async function waitUntilVisible({ chain, wake, signal }: AppDependencies & { wake: Wake }, taskId: Hex): Promise<void> {
  for (let blocks = 0; blocks < 30; blocks++) {
    const news = wake.next()
    if (await readTask(chain, { taskId })) return
    await orAborted(news, signal)
  }
}

async function sendArguments({ chain, signal }: AppDependencies, session: TaskSession, task: ChainTask): Promise<void> {
  const { taskId, submission, resultKey } = session
  if (!submission) throw new ArgumentsNeededError(taskId)
  const nodes = await Promise.all(task.slots.map(({ node }) => readNode(chain, { node })))
  // A node that was slashed for another task in the meantime has no key any more; one may have registered a useless key.
  const keys = nodes.map(({ encryptionKey }) => encryptionKey).filter(isUsablePublicKey)
  const { salt, canonicalArguments } = submission
  const sealed = await sealArguments({ salt, canonicalArguments, resultRecipient: resultKey.publicKey }, keys)
  const relay = await session.relayOf(task)
  await session.askRelay(() => relay.putArguments(taskId, sealed, { signal }))
  await session.remember({ argumentsSent: true, argumentsSentFor: drawOf(task) })
  session.mark('argumentsSent')
  session.progress({ at: 'argumentsSent', bytes: sealed.byteLength })
}

/** Tells draws of one task apart while it is started. */
export const drawOf = ({ slots, commitDeadline }: Pick<ChainTask, 'slots' | 'commitDeadline'>): Draw => ({
  nodes: slots.map(({ node }) => node),
  commitDeadline,
})
