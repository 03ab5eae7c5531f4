import { randomInt } from 'node:crypto'
import { BaseError, keccak256, type TransactionReceipt, TransactionReceiptNotFoundError } from 'viem'
import { CrynuxError, EXIT } from '../base/errors.js'
import type { Address, Hex } from '../base/hex.js'
import { call } from './call.js'
import { ChainUnreachableError, chainErrorFrom, textOf } from './chainError.js'
import type { ChainReader, ChainWriter } from './client.js'
import { revertDataOf, type TransactionRevertedError, transactionRevertedFrom } from './revert.js'

/** A transaction that is in the chain and did what it should. */
export type Sent = { hash: Hex; gasUsed: bigint; blockNumber: number }

export type ContractCall = {
  /** null creates a contract. */
  to: Address | null
  data: Hex
  /** A fixed gas limit: the call is then not simulated. */
  gas?: bigint
  /** Gas beyond the estimate: what the call may cost more when others' transactions come first. */
  extraGas?: bigint
}

/** An upper bound of what the verdict on a task costs in gas; unused gas is not paid for. */
export const SETTLEMENT_GAS = 700_000n

/** After this time without a receipt the same transaction is offered again with higher fees. */
const BUMP_AFTER_MS = 45_000
const MAX_BUMPS = 4
const RECEIPT_TIMEOUT_MS = 300_000
const MAX_NUMBERINGS = 6

/**
 * Sends one contract call and waits until it counts.
 *
 * It is simulated first, so that a call that cannot succeed costs nothing. The wallet's transactions are numbered one after
 * another; when another process took the number, the next one is used. What is not mined in time is offered again under the
 * same number with higher fees, so that it cannot happen twice.
 *
 * @throws TransactionRevertedError, InsufficientFundsError, ChainUnreachableError, TransactionNotMinedError
 */
export async function sendContractCall(
  chain: ChainWriter,
  contractCall: ContractCall,
): Promise<{ sent: Sent; receipt: TransactionReceipt }> {
  const offer = await chain.sending(() => signAndOffer(chain, contractCall))
  const receipt = await waitForReceipt(chain, offer)
  if (receipt.status !== 'success') throw await reasonOfRevert(chain, contractCall, receipt)
  return {
    sent: { hash: receipt.transactionHash, gasUsed: receipt.gasUsed, blockNumber: Number(receipt.blockNumber) },
    receipt,
  }
}

/** A call whose number in the wallet's order is fixed, so that it can happen once only, however often it is offered. */
export type NumberedCall = ContractCall & {
  nonce: number
  /** What an earlier process signed under this number. */
  signed: readonly SignedTransaction[]
  /** Told everything that is signed under this number; it is offered to the chain when this has resolved. */
  remember(signed: readonly SignedTransaction[]): Promise<void>
}

/** A transaction as it goes to the chain, and what it offers for gas. */
export type SignedTransaction = Signed & { fees: Fees; gas: bigint }

/**
 * Sends one contract call under a fixed number, or goes on with what an earlier process began, and waits until it counts.
 *
 * @returns the receipt, also of one that reverted
 * @throws TransactionRevertedError when it cannot succeed now; TransactionNotMinedError, also when another transaction of the
 *   wallet took the number; InsufficientFundsError, ChainUnreachableError
 */
export async function sendNumbered(chain: ChainWriter, numbered: NumberedCall): Promise<TransactionReceipt> {
  const { nonce, remember } = numbered
  chain.signal?.throwIfAborted()
  const signed = [...numbered.signed]
  const sign = async (fees: Fees, gas: bigint): Promise<Signed> => {
    const twin = { ...(await signCall(chain, numbered, { nonce, gas, fees })), fees, gas }
    await remember([...signed, twin])
    signed.push(twin)
    return twin
  }
  const isOffered = async ({ raw, hash }: Signed): Promise<boolean> =>
    // What the endpoint has against an old transaction is not asked: a new twin may please it.
    (await offer(chain, { raw, hash }).catch(() => 'refused')) === 'accepted'

  let last = signed[signed.length - 1]
  if (!last || !((await findReceipt(chain, signed)) || (await isOffered(last)))) {
    const gas = numbered.gas ?? (await estimateGas(chain, numbered))
    const verdict = await offer(chain, await sign(await call(chain.client.estimateFeesPerGas()), gas))
    last = signed[signed.length - 1] as SignedTransaction
    if (verdict === 'numberTaken' && (await isReplaced(chain, { nonce, signed }))) {
      throw new TransactionNotMinedError(last.hash, 'was replaced')
    }
  }
  const { fees, gas } = last
  return waitForReceipt(chain, { nonce, fees, sign: (higher) => sign(higher, gas), signed: [...signed] })
}

/** A signed transaction that the endpoint knows; `sign` makes its twin with higher fees. */
type Offer = { nonce: number; fees: Fees; sign(fees: Fees): Promise<Signed>; signed: Signed[] }
type Signed = { raw: Hex; hash: Hex }
type Fees = { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint }

async function signAndOffer(chain: ChainWriter, contractCall: ContractCall): Promise<Offer> {
  const { client, account } = chain
  chain.signal?.throwIfAborted()
  // Two processes of one wallet may send the same call at the same time. A few units more or less of the limit make two
  // transactions of it, so that the endpoint does not take the second for the first.
  const gas = (contractCall.gas ?? (await estimateGas(chain, contractCall))) + BigInt(randomInt(4_096))
  const fees = await call(client.estimateFeesPerGas())
  for (let numbering = 1; ; numbering++) {
    const nonce = await call(client.getTransactionCount({ address: account.address, blockTag: 'pending' }))
    const sign = (offered: Fees) => signCall(chain, contractCall, { nonce, gas, fees: offered })
    const signed = await sign(fees)
    const verdict = await offer(chain, signed)
    if (verdict === 'accepted') return { nonce, fees, sign, signed: [signed] }
    if (numbering >= MAX_NUMBERINGS) throw new TransactionNotMinedError(signed.hash)
    await chain.clock.sleep(chain.pollingIntervalMs, chain.signal)
  }
}

async function signCall(
  { account, profile }: ChainWriter,
  { to, data }: ContractCall,
  { nonce, gas, fees }: { nonce: number; gas: bigint; fees: Fees },
): Promise<Signed> {
  const raw = await account.signTransaction({
    type: 'eip1559',
    chainId: profile.chainId,
    ...(to === null ? {} : { to }),
    data,
    gas,
    nonce,
    ...fees,
  })
  return { raw, hash: keccak256(raw) }
}

/**
 * Estimates the gas, which runs the call; a quarter is added because the state may have moved when it is mined.
 *
 * @throws TransactionRevertedError when the call cannot succeed now
 */
export async function estimateGas(
  { client, account }: ChainWriter,
  { to, data, extraGas = 0n }: ContractCall,
): Promise<bigint> {
  const estimate = await call(
    client.request({
      method: 'eth_estimateGas',
      params: [{ from: account.address, ...(to === null ? {} : { to }), data }],
    }),
  )
  return (BigInt(estimate) * 5n) / 4n + extraGas
}

/** Gives a signed transaction to the endpoint. An answer that says it is known already is as good as acceptance. */
async function offer({ client }: ChainReader, { raw, hash }: Signed): Promise<'accepted' | 'numberTaken'> {
  try {
    // Not viem's action, which gives up at the first failure: the same bytes can be offered any number of times.
    await client.request({ method: 'eth_sendRawTransaction', params: [raw] })
    return 'accepted'
  } catch (error) {
    const text = textOf(error)
    if (/already (known|imported)|known transaction/i.test(text)) return 'accepted'
    // The first try may have arrived although its answer was lost.
    if (await isKnown(client, hash)) return 'accepted'
    if (/nonce too low|nonce.*lower|replacement transaction underpriced|could not replace/i.test(text))
      return 'numberTaken'
    throw chainErrorFrom(error)
  }
}

/** Whether the endpoint has a transaction, in a block or waiting for one. */
export const isKnown = (client: ChainReader['client'], hash: Hex): Promise<boolean> =>
  client.getTransaction({ hash }).then(
    () => true,
    () => false,
  )

async function waitForReceipt(chain: ChainWriter, pending: Offer): Promise<TransactionReceipt> {
  const { clock, signal } = chain
  const startedAt = clock.now()
  let offeredAt = startedAt
  for (;;) {
    const receipt = await findReceipt(chain, pending.signed)
    if (receipt) return receipt
    const now = clock.now()
    if (now - startedAt > RECEIPT_TIMEOUT_MS) throw new TransactionNotMinedError(lastOf(pending).hash)
    if (now - offeredAt > BUMP_AFTER_MS) {
      offeredAt = now
      if (await isReplaced(chain, pending)) throw new TransactionNotMinedError(lastOf(pending).hash, 'was replaced')
      await offerAgain(chain, pending)
    }
    await clock.sleep(chain.pollingIntervalMs, signal)
  }
}

/** The receipt of whichever of these transactions is in the chain, at whatever depth; null when none is. */
export async function readReceipt(
  { client }: ChainReader,
  signed: readonly Signed[],
): Promise<TransactionReceipt | null> {
  for (const { hash } of signed) {
    try {
      return await client.getTransactionReceipt({ hash })
    } catch (error) {
      if (!(error instanceof TransactionReceiptNotFoundError)) throw chainErrorFrom(error)
    }
  }
  return null
}

/** The receipt of whichever twin was mined, when it lies deep enough. Failing questions are asked again at the next turn. */
async function findReceipt(chain: ChainWriter, signed: readonly Signed[]): Promise<TransactionReceipt | null> {
  for (const { hash } of signed) {
    try {
      const receipt = await chain.client.getTransactionReceipt({ hash })
      if (chain.confirmations <= 1) return receipt
      const depth = (await chain.client.getBlockNumber()) - receipt.blockNumber + 1n
      return depth >= BigInt(chain.confirmations) ? receipt : null
    } catch (error) {
      if (error instanceof TransactionReceiptNotFoundError) continue
      const meaning = chainErrorFrom(error)
      if (!(meaning instanceof ChainUnreachableError)) throw meaning
    }
  }
  return null
}

/** Whether another transaction of the same wallet took the number, so that none of ours can be mined any more. */
async function isReplaced(
  { client, account }: ChainWriter,
  { nonce, signed }: Pick<Offer, 'nonce' | 'signed'>,
): Promise<boolean> {
  try {
    if ((await client.getTransactionCount({ address: account.address })) <= nonce) return false
  } catch {
    return false
  }
  return !(await Promise.all(signed.map(({ hash }) => isKnown(client, hash)))).includes(true)
}

async function offerAgain(chain: ChainWriter, pending: Offer): Promise<void> {
  if (pending.signed.length <= MAX_BUMPS) {
    pending.fees = {
      maxFeePerGas: (pending.fees.maxFeePerGas * 5n) / 4n + 1n,
      maxPriorityFeePerGas: (pending.fees.maxPriorityFeePerGas * 5n) / 4n + 1n,
    }
    pending.signed.push(await pending.sign(pending.fees))
  }
  // A refused twin changes nothing: the earlier one may still be mined, and the receipts of all are looked for.
  await offer(chain, lastOf(pending)).catch(() => undefined)
}

const lastOf = ({ signed }: Offer): Signed => signed[signed.length - 1] as Signed

/** Runs a reverted transaction once more as a call, because receipts hold no reason. */
export async function reasonOfRevert(
  { client, account }: ChainWriter,
  { to, data, gas }: ContractCall,
  { blockNumber }: TransactionReceipt,
): Promise<TransactionRevertedError> {
  try {
    await client.call({ account: account.address, to, data, ...(gas === undefined ? {} : { gas }), blockNumber })
  } catch (error) {
    const revertData = error instanceof BaseError ? revertDataOf(error) : undefined
    if (revertData !== undefined) return transactionRevertedFrom(revertData)
  }
  return transactionRevertedFrom('0x')
}

/** A transaction was offered to the chain and neither mined nor refused in time: exit status 10. */
export class TransactionNotMinedError extends CrynuxError {
  override readonly code = 'CRYNUX_TRANSACTION_NOT_MINED'
  override readonly exitCode = EXIT.timedOut
  constructor(hash: Hex, what: 'was not mined in time' | 'was replaced' = 'was not mined in time') {
    super(`transaction ${hash} ${what}`, {
      remedy:
        what === 'was replaced'
          ? 'Another program sent a transaction of the same wallet: see what it did, then try again.'
          : 'The chain may be congested. Look whether it was mined in the meantime before you try again.',
      details: { transaction: hash },
    })
  }
}
