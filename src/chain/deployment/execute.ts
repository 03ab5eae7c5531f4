import { CrynuxError, EXIT } from '../../base/errors.js'
import type { Hex } from '../../base/hex.js'
import { call } from '../call.js'
import type { ChainWriter } from '../client.js'
import { isKnown, readReceipt, reasonOfRevert, sendNumbered, TransactionNotMinedError } from '../send.js'
import { planFromBytecode } from './bytecodePlan.js'
import { nameTransaction } from './nameTransaction.js'
import type { DeploymentMemory, DeploymentRecord, DeploymentStep } from './record.js'
import { stepsOf } from './record.js'

/**
 * Compares a record with the chain, which alone knows what happened since it was written, and plans again what has become
 * impossible: a call whose number another transaction took gets another number; a contract whose number was taken, or whose
 * creation failed, gets another address, and so do the contracts that depend on it. Nothing is sent.
 *
 * @throws DeploymentInterruptedError when plans cannot be made because the wallet has other transactions under way
 */
export async function reviewRecord(chain: ChainWriter, record: DeploymentRecord): Promise<DeploymentRecord> {
  // Asked before the receipts: who sees the number used, can see the receipt, too.
  const used = await readCount(chain, 'latest')
  const reviewed = await Promise.all(record.steps.map((step) => reviewStep(chain, step, used)))
  const isLost = (contract: 'creation' | 'call') =>
    reviewed.some(({ step, lost }) => lost && (step.creates !== null) === (contract === 'creation'))
  if (!isLost('creation')) {
    const steps = reviewed.map(({ step, lost }) => (lost ? { ...step, nonce: null, signed: [], mined: null } : step))
    return { ...record, steps }
  }
  await requireIdle(chain)
  const kept = (address: Hex) =>
    reviewed.map(({ step }) => step).filter(({ creates, mined }) => mined !== null && isSame(creates, address))
  const token = kept(record.contracts.token)
  const incentivePool = token.length > 0 ? kept(record.contracts.incentivePool) : []
  const plan = planFromBytecode({
    owner: chain.account.address,
    nonce: used,
    ...record.request,
    existing: {
      ...(token.length > 0 ? { token: record.contracts.token } : {}),
      ...(incentivePool.length > 0 ? { incentivePool: record.contracts.incentivePool } : {}),
    },
  })
  return { ...record, contracts: plan.contracts, steps: [...token, ...incentivePool, ...stepsOf(plan, used)] }
}

/** What became of one step: `lost` when nothing that was signed for it can be mined any more, or its number is taken. */
async function reviewStep(
  chain: ChainWriter,
  step: DeploymentStep,
  used: number,
): Promise<{ step: DeploymentStep; lost: boolean }> {
  const receipt = await readReceipt(chain, step.signed)
  if (receipt?.status === 'success') {
    const { transactionHash: hash, gasUsed, blockNumber } = receipt
    return { step: { ...step, mined: { hash, gasUsed, blockNumber: Number(blockNumber) } }, lost: false }
  }
  if (receipt !== null) return { step: { ...step, mined: null }, lost: true }
  const isTaken = step.nonce !== null && used > step.nonce
  // Of several servers behind an endpoint, one may know the number of transactions before another knows the receipts.
  const known =
    isTaken && (await Promise.all(step.signed.map(({ hash }) => isKnown(chain.client, hash)))).includes(true)
  return { step: { ...step, mined: null }, lost: isTaken && !known }
}

/**
 * Sends what is not mined yet, one after another; each transaction is on the disk before it is offered to the chain, under a
 * number that is fixed, so that it cannot happen twice.
 *
 * @throws DeploymentInterruptedError, TransactionRevertedError, InsufficientFundsError, ChainUnreachableError: the same
 *   deployment can go on from the record.
 */
export async function executeRecord(
  chain: ChainWriter,
  record: DeploymentRecord,
  { memory, onStep }: { memory: DeploymentMemory; onStep?: ((what: string) => void) | undefined },
): Promise<void> {
  await memory.write(record)
  for (const step of record.steps) {
    if (step.mined) continue
    const what = nameTransaction(step, record.contracts)
    onStep?.(what)
    await perform(chain, { record, step, what, memory })
  }
}

async function perform(
  chain: ChainWriter,
  {
    record,
    step,
    what,
    memory,
  }: { record: DeploymentRecord; step: DeploymentStep; what: string; memory: DeploymentMemory },
): Promise<void> {
  const { to, data } = step
  if (step.signed.length === 0) step.nonce = await numberFor(chain, record, step)
  const { nonce } = step
  if (nonce === null) throw new RangeError('a signed transaction without a number')
  const remember = async (signed: readonly DeploymentStep['signed'][number][]) => {
    step.signed = [...signed]
    await memory.write(record)
  }
  const receipt = await sendNumbered(chain, { to, data, nonce, signed: step.signed, remember }).catch(
    async (error: unknown) => {
      if (error instanceof TransactionNotMinedError && (await readCount(chain, 'latest')) > nonce)
        throw taken(what, error)
      throw error
    },
  )
  const { transactionHash: hash, gasUsed, blockNumber } = receipt
  if (receipt.status !== 'success') {
    throw new DeploymentInterruptedError(`the transaction '${what}' failed on the chain`, {
      remedy: 'Run the same command again: it does this step once more, and keeps what is there.',
      details: { transaction: hash, gasUsed: String(gasUsed) },
      cause: await reasonOfRevert(chain, { to, data }, receipt),
    })
  }
  step.mined = { hash, gasUsed, blockNumber: Number(blockNumber) }
}

/** The number under which a step is to be signed: a creation's was fixed with its address, a call takes the next one. */
async function numberFor(chain: ChainWriter, record: DeploymentRecord, step: DeploymentStep): Promise<number> {
  const counts = await Promise.all([readCount(chain, 'latest'), readCount(chain, 'pending')])
  // One of several servers behind an endpoint may not know yet what another has told us.
  const own = Math.max(...record.steps.map(({ mined, nonce }) => (mined ? (nonce ?? 0) + 1 : 0)))
  const next = Math.max(own, counts[0])
  const expected = step.creates === null ? next : (step.nonce ?? next)
  if (counts[1] > expected) throw taken(nameTransaction(step, record.contracts))
  return expected
}

/**
 * Makes sure that nobody else sends transactions of the wallet at this moment.
 *
 * @returns the number of its next transaction
 * @throws DeploymentInterruptedError
 */
export async function requireIdle(chain: ChainWriter): Promise<number> {
  const [latest, pending] = await Promise.all([readCount(chain, 'latest'), readCount(chain, 'pending')])
  if (pending <= latest) return latest
  throw new DeploymentInterruptedError(
    `the wallet has ${pending - latest} ${pending - latest === 1 ? 'transaction' : 'transactions'} under way`,
    {
      remedy: 'Wait until they are mined, and deploy with a wallet that nothing else uses meanwhile.',
      details: { address: chain.account.address, pending: pending - latest },
    },
  )
}

const readCount = ({ client, account }: ChainWriter, blockTag: 'latest' | 'pending'): Promise<number> =>
  call(client.getTransactionCount({ address: account.address, blockTag }))

const isSame = (a: string | null, b: string): boolean => a?.toLowerCase() === b.toLowerCase()

const taken = (what: string, cause?: unknown) =>
  new DeploymentInterruptedError(`the wallet sent another transaction in place of '${what}'`, {
    remedy:
      'See what else uses this wallet and stop it, then run the same command again: it goes on with what is there, and plans the rest anew.',
    cause,
  })

/** A deployment has stopped on its way; the same command goes on with it: exit status 75. */
export class DeploymentInterruptedError extends CrynuxError {
  override readonly code = 'CRYNUX_DEPLOYMENT_INTERRUPTED'
  override readonly exitCode = EXIT.temporary
}
