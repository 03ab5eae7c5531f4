import { formatBytes } from '../base/byteSize.js'
import { formatTable } from './formatTable.js'

type ListedModel = {
  model: string
  source: string
  commit: string | null
  files: number
  bytes: number
  lastUsed: string | null
  pinned: boolean
  inUse: boolean
  managed: boolean
}

/** `models list` for people. */
export function formatModelList({
  models,
  cacheFolder,
  managedBytes,
  quotaBytes,
}: {
  models: ListedModel[]
  cacheFolder: string
  managedBytes: number
  quotaBytes: number | null
}): string {
  const table = formatTable<ListedModel>(models, [
    { title: 'model', value: ({ model }) => model },
    { title: 'from', value: ({ source }) => source },
    { title: 'commit', value: ({ commit }) => commit?.slice(0, 8) ?? '-' },
    { title: 'files', value: ({ files }) => String(files), align: 'right' },
    { title: 'size', value: ({ bytes }) => formatBytes(bytes), align: 'right' },
    { title: 'last use', value: ({ lastUsed }) => lastUsed?.slice(0, 16).replace('T', ' ') ?? '-' },
    { title: 'state', value: stateOf },
  ])
  const quota = quotaBytes === null ? '' : ` of ${formatBytes(quotaBytes)}`
  return `${table}\n\n${formatBytes(managedBytes)}${quota} fetched by crynux in ${cacheFolder}`
}

const stateOf = ({ pinned, inUse, managed, source }: ListedModel): string =>
  [inUse ? 'in use' : '', pinned ? 'pinned' : '', source === 'cache' && !managed ? "another program's" : '']
    .filter(Boolean)
    .join(', ') || '-'

type PulledModel = {
  model: string
  commit: string
  folder: string | null
  files: { path: string; bytes: number; fetched: boolean }[]
  bytes: number
  fetchedBytes: number
  removed: { id: string; bytes: number }[]
  dryRun: boolean
}

/** E.g. `1 file`. */
export const countOf = (files: number): string => `${files} ${files === 1 ? 'file' : 'files'}`

/** `models pull` for people. */
export const formatPulled = ({ models }: { models: PulledModel[] }): string =>
  models
    .map(({ model, commit, folder, files, bytes, fetchedBytes, removed, dryRun }) => {
      const summary = `${model}${commit ? ` at ${commit.slice(0, 8)}` : ''}: ${countOf(files.length)}, ${formatBytes(bytes)}`
      if (!dryRun)
        return `${summary}, ${fetchedBytes === 0 ? 'all there' : `${formatBytes(fetchedBytes)} fetched`}\n${folder}`
      return [
        `${summary}, ${formatBytes(fetchedBytes)} to fetch`,
        ...files.map((file) => `  ${file.fetched ? '+' : ' '} ${formatBytes(file.bytes).padStart(8)}  ${file.path}`),
        ...removed.map(({ id, bytes: freed }) => `  - ${formatBytes(freed).padStart(8)}  ${id}, to make room`),
      ].join('\n')
    })
    .join('\n')

/** `models remove` for people. */
export const formatRemoved = ({ models }: { models: { model: string; bytes: number }[] }): string =>
  models.map(({ model, bytes }) => `${model} removed, ${formatBytes(bytes)} freed`).join('\n')

type VerifiedModel = {
  id: string
  checked: number
  bytes: number
  unknown: number
  damaged: { path: string; damage: string }[]
}

/** `models verify` for people. */
export const formatVerified = ({ models }: { models: VerifiedModel[] }): string =>
  models
    .flatMap(({ id, checked, bytes, unknown, damaged }) => [
      `${id}: ${countOf(checked)}, ${formatBytes(bytes)}, ${damaged.length === 0 ? 'sound' : `${damaged.length} damaged`}${unknown > 0 ? `, ${unknown} without a known hash` : ''}`,
      ...damaged.map(({ path, damage }) => `  ${damage}: ${path}`),
    ])
    .join('\n') || 'no models in the cache'
