import type { Address } from '../base/hex.js'
import { formatCnx, formatGasCoin } from '../base/units.js'
import { formatPairs } from './formatTable.js'

/** A wallet, and what it holds where a network is named. */
export const formatWallet = (wallet: {
  address: Address
  keystore: string
  balances: { tokenWei: bigint; ledgerWei: bigint; stakeWei: bigint; gasWei: bigint } | null
}): string =>
  formatPairs([
    ['address', wallet.address],
    ['keystore', wallet.keystore],
    ...(wallet.balances
      ? ([
          ['wallet', `${formatCnx(wallet.balances.tokenWei)} CNX`],
          ['ledger', `${formatCnx(wallet.balances.ledgerWei)} CNX`],
          ['stake', `${formatCnx(wallet.balances.stakeWei)} CNX`],
          ['for gas', formatGasCoin(wallet.balances.gasWei)],
        ] as const)
      : []),
  ])

/** CNX that went from the ledger to a wallet. */
export const formatWithdrawal = (report: {
  to: Address
  amountWei: bigint
  ledgerWei: bigint
  transaction: string
}): string =>
  formatPairs([
    ['withdrawn', `${formatCnx(report.amountWei)} CNX`],
    ['to', report.to],
    ['ledger', `${formatCnx(report.ledgerWei)} CNX left`],
    ['transaction', report.transaction],
  ])

/** CNX that went from the wallet to somebody. */
export const formatTransfer = (report: {
  to: Address
  amountWei: bigint
  tokenWei: bigint
  transaction: string
}): string =>
  formatPairs([
    ['sent', `${formatCnx(report.amountWei)} CNX`],
    ['to', report.to],
    ['wallet', `${formatCnx(report.tokenWei)} CNX left`],
    ['transaction', report.transaction],
  ])

/** A relay that was put on the network's list, changed, or taken off. */
export const formatRelayChange = (change: {
  relay: Address
  before: string | null
  url: string | null
  transaction: string | null
}): string =>
  formatPairs([
    ['relay', change.relay],
    ['url', change.url ?? 'not on the list'],
    ['before', change.before === change.url ? 'the same' : (change.before ?? 'not on the list')],
    ['transaction', change.transaction ?? 'none was needed'],
  ])
