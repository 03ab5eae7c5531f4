/**
 * A file name that a server proposes (Content-Disposition, RFC 6266) or that a URL ends with, made harmless: one component of letters,
 * digits and a few signs, with this ending.
 */
export function safeFileName(disposition: string | undefined, url: URL, ending: string): string {
  const proposed = dispositionName(disposition) ?? decode(url.pathname.split('/').at(-1) ?? '')
  const last = proposed.split(/[\\/]/).at(-1) ?? ''
  const stem = last
    .replace(/\.[A-Za-z0-9]{1,12}$/, '')
    .normalize('NFC')
    .replaceAll(/[^\p{L}\p{N} _+()[\]-]/gu, '_')
    .replace(/^[\s_]+|[\s_]+$/g, '')
    .slice(0, 60)
  const device = /^(?:con|prn|aux|nul|com\d|lpt\d)$/i.test(stem)
  return `${stem === '' || device ? 'model' : stem}${ending}`
}

function dispositionName(header: string | undefined): string | undefined {
  if (header === undefined || header.length > 2000) return undefined
  const extended = /filename\*\s*=\s*utf-8''([^;\s]+)/i.exec(header)?.[1]
  if (extended !== undefined) return decode(extended)
  return /filename\s*=\s*(?:"([^"]*)"|([^;\s]+))/i.exec(header)?.slice(1).find(Boolean)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
