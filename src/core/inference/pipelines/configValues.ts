/** Reading numbers from configuration files of models, which may lack them or hold anything. */

/** A whole number above 0, or the fallback. */
export const wholeOr = (value: unknown, fallback: number): number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : fallback

/** How many entries a short list has, or the fallback. */
export const lengthOr = (value: unknown, fallback: number): number =>
  Array.isArray(value) && value.length > 0 && value.length < 10 ? value.length : fallback
