import { createHash } from 'node:crypto'

/** How a task or a user names a model. */
export type ModelId =
  | { kind: 'embedded'; id: string; name: string }
  | { kind: 'hub'; id: string }
  | { kind: 'url'; id: string; url: URL }

/** Windows reserves these as names of devices, with any ending. */
const DEVICE_NAME = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i

/**
 * Reads a model id: `embedded:<name>`, a hub id (`owner/name` or `name`), or an https URL. Undefined for anything else, in particular
 * for what could leave a folder.
 */
export function parseModelId(id: string): ModelId | undefined {
  if (/^https:\/\//i.test(id)) return parseUrlId(id)
  if (id.length > 200 || id.includes('..')) return undefined
  if (/^embedded:[a-z0-9][a-z0-9-]*$/.test(id)) return { kind: 'embedded', id, name: id.slice('embedded:'.length) }
  if (!/^[A-Za-z0-9_][\w.-]*(?:\/[A-Za-z0-9_][\w.-]*)?$/.test(id)) return undefined
  // The cache writes `/` as `--`, so an id that has it would not be told from another one.
  if (id.includes('--') || id.split('/').some((part) => DEVICE_NAME.test(part))) return undefined
  return { kind: 'hub', id }
}

function parseUrlId(id: string): ModelId | undefined {
  if (id.length > 512 || /[\s\p{C}]/u.test(id)) return undefined
  try {
    const url = new URL(id)
    // A password in a URL would be stored and shown.
    if (url.username || url.password) return undefined
    url.hash = ''
    return { kind: 'url', id: url.href, url }
  } catch {
    return undefined
  }
}

/**
 * The folder of a model in a cache: `models--owner--name`, as huggingface_hub names it, or `urls--host--hash`.
 * Undefined for embedded models, which no cache holds.
 */
export function repositoryName(model: ModelId): string | undefined {
  if (model.kind === 'embedded') return undefined
  if (model.kind === 'hub') return `models--${model.id.replace('/', '--')}`
  const host = model.url.hostname.replaceAll(/[^a-z0-9.-]/g, '_').slice(0, 80)
  return `urls--${host}--${createHash('sha256').update(model.id).digest('hex').slice(0, 16)}`
}

/** An id in messages: one line, not too long, and of a URL no query, which may hold a key. */
export function shownModelId(id: string): string {
  const text = /^https?:/i.test(id) ? id.replace(/[?#].*$/s, '?…') : id
  return (text.length > 100 ? `${text.slice(0, 97)}…` : text).replaceAll(/\p{C}/gu, '?')
}
