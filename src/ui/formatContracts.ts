import type { Address } from '../base/hex.js'
import { formatCnx, formatGasCoin } from '../base/units.js'
import { formatPairs, formatTable } from './formatTable.js'

/** What a deployment is about to do, and what it costs. */
export const formatDeploymentPlan = (plan: {
  chainId: number
  chainKind: 'development' | 'test' | 'other'
  owner: Address
  parameters: Readonly<Record<string, number | bigint>>
  relays: readonly { address: Address; url: string }[]
  transactions: readonly { what: string; gas: bigint; state: string }[]
  gas: bigint
  gasPriceWei: bigint
  costWei: bigint
  balanceWei: bigint
}): string =>
  [
    formatPairs([
      ['chain', `${plan.chainId} (${CHAIN_KINDS[plan.chainKind]})`],
      ['owner', `${plan.owner}: pays, owns the contracts and gets all CNX`],
      ...Object.entries(plan.parameters).map(([name, value]) => [name, formatQuantity(value, unitOf(name))] as const),
      ...(plan.relays.length === 0 ? [['relay', 'none'] as const] : []),
      ...plan.relays.map(({ address, url }) => ['relay', `${address} ${url}`] as const),
    ]),
    '',
    formatTable(plan.transactions, [
      { title: 'transaction', value: ({ what }) => what },
      { title: 'gas', value: ({ gas }) => formatCount(gas), align: 'right' },
      { title: 'state', value: ({ state }) => state },
    ]),
    '',
    formatPairs([
      ['gas', `about ${formatCount(plan.gas)} at ${formatGwei(plan.gasPriceWei)} gwei`],
      ['cost', `about ${formatGasCoin(plan.costWei)}; the wallet holds ${formatGasCoin(plan.balanceWei)}`],
    ]),
  ].join('\n')

const CHAIN_KINDS = {
  development: 'a development chain',
  test: 'a test network',
  other: 'not known as a test network: what is sent costs money',
}

/** A network that was deployed. */
export const formatDeployment = (deployment: {
  path: string
  outcome: 'deployed' | 'continued' | 'already'
  transactions: number
  gasUsed: bigint
  profile: {
    name: string
    chainId: number
    contracts: Readonly<Record<string, Address>>
    deployedAtBlock: number
    owner?: Address
    parameters?: Readonly<Record<string, number | bigint>>
  }
}): string => {
  const { profile } = deployment
  return formatPairs([
    ['network', `${profile.name} on chain ${profile.chainId}`],
    ...Object.entries(profile.contracts),
    ['block', String(profile.deployedAtBlock)],
    ['owner', profile.owner ?? null],
    ...Object.entries(profile.parameters ?? {}).map(
      ([name, value]) => [name, formatQuantity(value, unitOf(name))] as const,
    ),
    ['verified', "the code on the chain is this program's build, with the owner and parameters above"],
    ['gas used', `${formatCount(deployment.gasUsed)} in ${deployment.transactions} transactions`],
    [
      'profile',
      deployment.outcome === 'already' ? `${deployment.path}: deployed earlier, nothing sent` : deployment.path,
    ],
  ])
}

/** A network that is what it should be. */
export const formatVerification = (verification: {
  name: string
  chainId: number
  contracts: readonly { name: string; address: Address; codeBytes: number }[]
  owner: Address
  compared: { owner: boolean; parameters: number }
}): string =>
  formatPairs([
    ['network', `${verification.name} on chain ${verification.chainId}`],
    ...verification.contracts.map(
      ({ name, address, codeBytes }) =>
        [name, `${address}: all ${formatCount(codeBytes)} bytes are the build's`] as const,
    ),
    [
      'owner',
      `${verification.owner}${verification.compared.owner ? ', as the profile says' : ' (the profile names none)'}`,
    ],
    [
      'parameters',
      verification.compared.parameters === 0
        ? 'not compared: the profile names none'
        : `${verification.compared.parameters} are as the profile says`,
    ],
  ])

type Row = {
  name: string
  contract: string
  unit: string
  value: number | bigint
  default: number | bigint
  lowest: number | bigint
  highest: number | bigint
  limitedBy: string | null
  changedBy: string | null
  meaning: string
}

type Ownership = { owner: Address; pendingOwner: Address | null }

/** Every rule of a network, its bounds, its owner and its relays. */
export const formatParameters = (report: {
  name: string
  chainId: number
  owners: Readonly<Record<string, Ownership>>
  relays: readonly { address: Address; url: string }[]
  parameters: readonly Row[]
}): string =>
  [
    formatTable(report.parameters, [
      { title: 'parameter', value: ({ name }) => name },
      { title: 'value', value: ({ value, unit }) => formatQuantity(value, unit), align: 'right' },
      { title: 'default', value: (row) => formatQuantity(row.default, row.unit), align: 'right' },
      { title: 'lowest', value: ({ lowest, unit }) => formatQuantity(lowest, unit), align: 'right' },
      { title: 'highest', value: ({ highest, unit }) => formatQuantity(highest, unit), align: 'right' },
      { title: 'changed by', value: ({ changedBy }) => changedBy ?? 'nobody' },
      { title: 'contract', value: ({ contract }) => contract },
      {
        title: 'what it is',
        value: ({ meaning, limitedBy }) => (limitedBy === null ? meaning : `${meaning} (limited by ${limitedBy})`),
      },
    ]),
    '',
    formatPairs([
      ['network', `${report.name} on chain ${report.chainId}`],
      ...Object.entries(report.owners).map(
        ([contract, ownership]) => [`owner of ${contract}`, formatOwnership(ownership)] as const,
      ),
      ...(report.relays.length === 0 ? [['relay', 'none'] as const] : []),
      ...report.relays.map(({ address, url }) => ['relay', `${address} ${url}`] as const),
    ]),
  ].join('\n')

/** A parameter that was set, or would be. */
export const formatParameterChange = (change: {
  name: string
  unit: string
  before: number | bigint
  value: number | bigint
  dryRun: boolean
  gas: bigint | null
  transaction: string | null
  profileUpdated: boolean
}): string =>
  formatPairs([
    ['parameter', change.name],
    ['value', formatQuantity(change.value, change.unit)],
    ['before', change.before === change.value ? 'the same' : formatQuantity(change.before, change.unit)],
    ['transaction', change.dryRun ? 'none: --dry-run' : (change.transaction ?? 'none was needed')],
    ['gas', change.gas === null ? null : `at most ${formatCount(change.gas)}`],
    ['profile', change.profileUpdated ? 'brought up to date' : null],
  ])

const formatOwnership = ({ owner, pendingOwner }: Ownership): string =>
  pendingOwner === null ? owner : `${owner}, offered to ${pendingOwner}, who has not accepted yet`

/** The unit that the end of a parameter's name says. */
function unitOf(name: string): string {
  if (name.endsWith('Wei')) return 'wei'
  if (name.endsWith('Seconds')) return 'seconds'
  return name.endsWith('BasisPoints') ? 'basisPoints' : 'bits'
}

const SYMBOLS: Record<string, string> = {
  seconds: 's',
  bits: 'bits',
  images: 'images',
  gigabytes: 'GB',
  bytes: 'bytes',
}

/** A number in its unit, as people say it. */
function formatQuantity(value: number | bigint, unit: string): string {
  if (unit === 'wei') return BigInt(value) < 10n ** 12n ? `${value} wei` : `${formatCnx(BigInt(value))} CNX`
  if (unit === 'basisPoints') return `${Number(value) / 100} %`
  return `${value} ${SYMBOLS[unit] ?? unit}`
}

const formatCount = (count: number | bigint): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',')

/** Wei of the chain's coin → thousand millions of them, with three decimal places at most. */
const formatGwei = (wei: bigint): string => String(Number(wei / 10n ** 6n) / 1_000)
