/** What a safetensors file holds, as far as its tensors' names tell. */
export type SafetensorsKind = 'lora' | 'embedding' | 'checkpoint' | 'weights'

/** The header is JSON; that of the largest models has about one megabyte. */
export const MAXIMUM_HEADER_BYTES = 16 * 1024 * 1024
/** A learned embedding has a handful of vectors. */
const MAXIMUM_EMBEDDING_BYTES = 16 * 1024 * 1024

/**
 * Length of the header, from the first eight bytes of a file; undefined when these cannot be those of a safetensors file, such as a
 * renamed pickle or zip.
 */
export function safetensorsHeaderLength(start: Uint8Array): number | undefined {
  if (start.length < 8) return undefined
  const length = new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true)
  return length >= 2n && length <= BigInt(MAXIMUM_HEADER_BYTES) ? Number(length) : undefined
}

/**
 * Reads the header: checks that every tensor lies within the file, and says what they are.
 *
 * @param header the JSON bytes after the first eight.
 * @param fileBytes size of the whole file.
 * @returns undefined when it is no safetensors header.
 */
export function readSafetensorsKind(header: Uint8Array, fileBytes: number): SafetensorsKind | undefined {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf8', { fatal: true }).decode(header))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const dataBytes = fileBytes - 8 - header.length
  const names: string[] = []
  let flat = true
  for (const [name, entry] of Object.entries(value)) {
    if (name === '__metadata__') continue
    const { data_offsets: offsets, shape } = (entry ?? {}) as { data_offsets?: unknown; shape?: unknown }
    if (!Array.isArray(offsets) || offsets.length !== 2 || !Array.isArray(shape)) return undefined
    const [begin, end] = offsets as unknown[]
    if (!Number.isSafeInteger(begin) || !Number.isSafeInteger(end)) return undefined
    if ((begin as number) < 0 || (begin as number) > (end as number) || (end as number) > dataBytes) return undefined
    flat &&= shape.length <= 2
    names.push(name)
  }
  if (names.some((name) => /lora[._]|_lora|hada_|lokr_|dora_scale/.test(name))) return 'lora'
  if (names.some((name) => /^(?:model\.diffusion_model|first_stage_model|cond_stage_model|conditioner)\./.test(name))) {
    return 'checkpoint'
  }
  if (flat && names.length <= 8 && fileBytes <= MAXIMUM_EMBEDDING_BYTES) return 'embedding'
  return 'weights'
}
