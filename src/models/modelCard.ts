/** What a model recommends for its pictures; the command line fills these in where the user says nothing. */
export type ModelCard = {
  /** Pixels. */
  width?: number
  /** Pixels. */
  height?: number
  steps?: number
  /** Guidance scale. */
  cfg?: number
  negativePrompt?: string
}

/** Takes the known, well-formed fields of a card's JSON (`crynux.json` in the model's folder) and leaves the rest. */
export function parseModelCard(value: unknown): ModelCard {
  if (typeof value !== 'object' || value === null) return {}
  const card: Record<string, number | string> = {}
  for (const [name, entry] of Object.entries(value)) {
    if (NUMBERS.has(name) && typeof entry === 'number' && Number.isFinite(entry)) card[name] = entry
    if (name === 'negativePrompt' && typeof entry === 'string') card[name] = entry
  }
  return card
}

const NUMBERS: ReadonlySet<string> = new Set(['width', 'height', 'steps', 'cfg'])
