import { InvalidInputError } from './errors.js'

const FACTORS = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const

/**
 * Parses `500MB`, `200 GB`, `1.5TiB` or a plain number of bytes.
 *
 * @throws InvalidInputError for anything else.
 */
export function parseByteSize(text: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)$/i.exec(text.trim())
  const unit = (match?.[2] || 'B').toLowerCase()
  const factor = Object.entries(FACTORS).find(([name]) => name.toLowerCase() === unit)?.[1]
  const bytes = Math.round(Number(match?.[1]) * (factor ?? Number.NaN))
  if (Number.isSafeInteger(bytes)) return bytes
  throw new InvalidInputError(`'${text}' is not a size`, {
    remedy: 'Write a number and a unit, such as 500MB or 200GB.',
  })
}

/** Bytes for people: three digits and a decimal unit, e.g. `7.62 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (value < 999.5) return `${unit === 'B' ? value : Number(value.toPrecision(3))} ${unit}`
    value /= 1000
  }
  return `${Number(value.toPrecision(3))} TB`
}
