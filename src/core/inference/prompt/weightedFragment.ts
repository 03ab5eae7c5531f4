/** A stretch of a prompt with one weight; 1 is plain text. */
export type WeightedFragment = { text: string; weight: number }
