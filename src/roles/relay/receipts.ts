import type { LocalAccount } from 'viem/accounts'
import type { Address, Hex } from '../../base/hex.js'
import {
  deletionReceiptTypedData,
  type ReceiptDomain,
  uploadFaultTypedData,
  uploadReceiptTypedData,
} from '../../protocol/receipt.js'

/** The relay's statements, signed with the key that the chain knows it by. The same statement gives the same signature. */
export type Receipts = {
  uploaded(receipt: { taskId: Hex; resultDigest: Hex; sizeBytes: number; uploader: Address }): Promise<Hex>
  faulty(fault: { taskId: Hex; resultDigest: Hex; uploader: Address }): Promise<Hex>
  deleted(receipt: { taskId: Hex; deletedAt: bigint }): Promise<Hex>
}

/** Signs for one TaskConsensus on one chain. */
export const createReceipts = ({ account, domain }: { account: LocalAccount; domain: ReceiptDomain }): Receipts => ({
  uploaded: ({ sizeBytes, ...receipt }) =>
    account.signTypedData(uploadReceiptTypedData(domain, { ...receipt, sizeBytes: BigInt(sizeBytes) })),
  faulty: (fault) => account.signTypedData(uploadFaultTypedData(domain, fault)),
  deleted: (receipt) => account.signTypedData(deletionReceiptTypedData(domain, receipt)),
})
