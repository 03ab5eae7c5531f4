import type { Hex } from '../../base/hex.js'
import { bytesToHex } from '../../base/hex.js'
import type { Logger } from '../../base/logger.js'
import type { ChainWriter } from '../../chain/client.js'
import { readRelayUrl } from '../../chain/read/relayUrl.js'
import { type ChainTask, slotOf } from '../../chain/read/task.js'
import { advanceTask } from '../../chain/write/advanceTask.js'
import { commitOutcome } from '../../chain/write/commitOutcome.js'
import { reportUploaded } from '../../chain/write/reportUploaded.js'
import { revealOutcome } from '../../chain/write/revealOutcome.js'
import { commitmentOf } from '../../protocol/commitment.js'
import { resultDigestOf } from '../../protocol/resultDigest.js'
import type { Wallet } from '../../protocol/wallet.js'
import type { RelayClient } from '../../relayClient/client.js'
import type { Journal } from '../../store/journal.js'
import type { Behaviour } from './behaviour.js'
import { ForeignCommitmentError, UnknownRelayError, UntrueReceiptError } from './nodeErrors.js'
import type { TaskFolders } from './taskFolder.js'
import type { TaskRecord } from './taskRecord.js'

export type ActionDependencies = {
  chain: ChainWriter
  wallet: Wallet
  journal: Journal<TaskRecord>
  folders: TaskFolders
  behaviour: Behaviour
  openRelay(url: string): RelayClient
  logger: Logger
}

type ActionOptions = { task: ChainTask; record: TaskRecord; signal: AbortSignal }

/** Promises the outcome on chain. The journal knows the commitment before the chain does. */
export async function commit(dependencies: ActionDependencies, { task, record }: ActionOptions): Promise<void> {
  const { chain, wallet, journal, behaviour, logger } = dependencies
  const work = workOf(record)
  const own = commitmentOf({
    chainId: chain.profile.chainId,
    consensus: chain.profile.contracts.consensus,
    taskId: task.id,
    node: wallet.address,
    outcome: work.outcome,
    score: work.score,
    salt: commitSalt(wallet, task.id),
  })
  const commitment = await behaviour.commitment(task, own)
  if (commitment === null) return
  if (record.commitment && record.commitment !== commitment) throw new ForeignCommitmentError(task.id)
  await journal.set(task.id, { ...record, commitment })
  const { hash } = await commitOutcome(chain, { taskId: task.id, slot: slotOf(task, wallet.address), commitment })
  logger.info({ taskId: task.id, transaction: hash, outcome: work.outcome, step: 'commit' }, 'committed')
}

/** Opens the commitment. Repeating it is harmless: outcome, score and salt are always the same. */
export async function reveal(dependencies: ActionDependencies, { task, record }: ActionOptions): Promise<void> {
  const { chain, wallet, behaviour, logger } = dependencies
  const { outcome, score } = workOf(record)
  const opened = await behaviour.reveal(task, { outcome, score, salt: commitSalt(wallet, task.id) })
  if (opened === null) return
  const { hash } = await revealOutcome(chain, { taskId: task.id, slot: slotOf(task, wallet.address), ...opened })
  logger.info({ taskId: task.id, transaction: hash, step: 'reveal' }, 'revealed')
}

/** Brings the sealed result to the relay and the relay's receipt to the chain. */
export async function upload(dependencies: ActionDependencies, { task, record, signal }: ActionOptions): Promise<void> {
  const { chain, folders, logger } = dependencies
  const relay = await relayOf(dependencies, task)
  const files: Uint8Array[] = []
  for (let index = 0; index < workOf(record).sealedFiles; index++) files.push(await folders.read(task.id, index))
  for (const [index, file] of files.entries()) await relay.putResult(task.id, index, file, { signal })
  const receipt = await relay.sealResults(task.id, { signal })
  if (receipt.resultDigest !== resultDigestOf(files)) throw new UntrueReceiptError(task.id)
  const { hash } = await reportUploaded(chain, { taskId: task.id, ...receipt })
  logger.info({ taskId: task.id, transaction: hash, count: files.length, step: 'upload' }, 'delivered')
}

/** Moves a task on that is past its deadline. */
export async function advance({ chain, logger }: ActionDependencies, { task }: ActionOptions): Promise<void> {
  const { hash } = await advanceTask(chain, { taskId: task.id })
  logger.info({ taskId: task.id, transaction: hash, state: task.state, step: 'advance' }, 'moved on after a deadline')
}

/** A client of the relay that the task's creator chose. */
export async function relayOf(
  { chain, openRelay }: Pick<ActionDependencies, 'chain' | 'openRelay'>,
  task: ChainTask,
): Promise<RelayClient> {
  const url = await readRelayUrl(chain, { relay: task.relay })
  if (!url) throw new UnknownRelayError(task.relay)
  return openRelay(url)
}

const commitSalt = (wallet: Wallet, taskId: Hex): Hex => bytesToHex(wallet.deriveSecret({ use: 'commit salt', taskId }))

function workOf(record: TaskRecord): NonNullable<TaskRecord['work']> {
  if (!record.work) throw new TypeError('a task without finished work has nothing to commit, reveal or upload')
  return record.work
}
