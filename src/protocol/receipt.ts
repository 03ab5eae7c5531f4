import type { Address, Hex } from '../base/hex.js'

/** Where a receipt is valid: one chain, one TaskConsensus. */
export type ReceiptDomain = { chainId: number; consensus: Address }

/** What a relay signs (EIP-712); the first two are checked by TaskConsensus, the last by whoever keeps it. */
export type UploadReceipt = { taskId: Hex; resultDigest: Hex; sizeBytes: bigint; uploader: Address }
export type UploadFault = { taskId: Hex; resultDigest: Hex; uploader: Address }
export type DeletionReceipt = { taskId: Hex; deletedAt: bigint }

const domainOf = ({ chainId, consensus }: ReceiptDomain) =>
  ({ name: 'Crynux', version: '1', chainId, verifyingContract: consensus }) as const

const TYPES = {
  UploadReceipt: [
    { name: 'taskId', type: 'bytes32' },
    { name: 'resultDigest', type: 'bytes32' },
    { name: 'sizeBytes', type: 'uint64' },
    { name: 'uploader', type: 'address' },
  ],
  UploadFault: [
    { name: 'taskId', type: 'bytes32' },
    { name: 'resultDigest', type: 'bytes32' },
    { name: 'uploader', type: 'address' },
  ],
  DeletionReceipt: [
    { name: 'taskId', type: 'bytes32' },
    { name: 'deletedAt', type: 'uint64' },
  ],
} as const

/** Typed data of an upload receipt, for signTypedData / verifyTypedData. */
export const uploadReceiptTypedData = (domain: ReceiptDomain, message: UploadReceipt) =>
  ({
    domain: domainOf(domain),
    types: { UploadReceipt: TYPES.UploadReceipt },
    primaryType: 'UploadReceipt',
    message,
  }) as const

/** Typed data of a relay's statement that an upload does not match the agreed score. */
export const uploadFaultTypedData = (domain: ReceiptDomain, message: UploadFault) =>
  ({
    domain: domainOf(domain),
    types: { UploadFault: TYPES.UploadFault },
    primaryType: 'UploadFault',
    message,
  }) as const

/** Typed data of a relay's statement that it holds nothing of the task any more. `deletedAt` in Unix seconds. */
export const deletionReceiptTypedData = (domain: ReceiptDomain, message: DeletionReceipt) =>
  ({
    domain: domainOf(domain),
    types: { DeletionReceipt: TYPES.DeletionReceipt },
    primaryType: 'DeletionReceipt',
    message,
  }) as const
